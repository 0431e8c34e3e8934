"""Small priors for the tests of generators: drawn, with noise everywhere, and perfect ones of two cells."""

import torch

from lexel.generators._prior import Prior, PriorConfig, Vocabulary
from lexel.towers._config import Blocks

OBJECTIVES = ("maskgit", "absorbing", "autoregressive")


def vocabulary(codes=11):
    return Vocabulary("./vq", "0" * 32, codes, 5, 2)


def prior(objective="maskgit", *, codes=11, width=16, heads=2, dtype=torch.float32, side=16):
    """A prior whose every parameter is drawn."""
    config = PriorConfig(vocabulary(codes), objective, Blocks(width, 2, heads, 24, "gelu"), side)
    draw = torch.Generator().manual_seed(0)
    made = Prior(config).to(dtype)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=draw, dtype=dtype))
    return made.requires_grad_(False).eval()


def rasters(*shape, codes=11, seed=1):
    return torch.randint(codes, shape, generator=torch.Generator().manual_seed(seed))


class Joint(Prior):
    """Two cells beside each other, of two codes each, and exact conditional probabilities."""

    P = torch.tensor([[0.5, 0.2], [0.2, 0.1]], dtype=torch.float64)

    def __init__(self, objective="maskgit"):
        super().__init__(PriorConfig(vocabulary(2), objective, Blocks(4, 0, 1, 4, "gelu")))

    def forward(self, codes):
        a, b = codes[:, 0].unbind(1)
        left = torch.cat([self.P.T, self.P.sum(1)[None]])[torch.full_like(b, 2) if self.config.causal else b]
        right = torch.cat([self.P, self.P.sum(0)[None]])[a]
        p = torch.stack([left, right], 1)[:, None]
        return (p / p.sum(-1, keepdim=True)).log()
