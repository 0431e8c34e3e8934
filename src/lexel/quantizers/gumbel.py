"""Gumbel-softmax: in training a blend of codes that sharpens with time, afterwards the likeliest code.

    logits   ▁ ▃ █ ▂     train   softmax((logits + noise) / temperature)    .02 .11 .85 .02    gradients flow
                         then    the largest                                  0   0   1   0

Paper      Jang et al. 2016, arXiv 1611.01144; as in DALL-E's dVAE, Ramesh et al. 2021, arXiv 2102.12092
Kind       quantizer; not learned: the layers around it are
Needs      one number a code: the logits of an encoder; a decoder begins with the vectors of the codes
Cost       three passes over N·K numbers
Checked by test_gumbel_blends_sharpen_with_the_temperature, test_the_kl_of_gumbel_is_that_of_its_definition
"""

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.quantizers._quantizer import Quantized, check_whole, text
from lexel.shapes import Float, Int

KL = 5e-4  # of taming-transformers


class Gumbel(torch.nn.Module):
    """Logits of K codes, and a row of K with a 1 in it for each.

    codebook_size   K, 2 or more; D is the same
    temperature     above 0; trainers lower it from 1 to 1/16 by setting the attribute

    Loss: "kl", of the probabilities of each vector from uniform ones, in nats. In `train()` the quantized vectors are
    blends of codes and have noise from torch's generator; in `eval()` there is none. Raises `BadArguments` for numbers
    out of range.

        gumbel(8192)
    """

    def __init__(self, codebook_size: int, *, temperature: float = 1.0) -> None:
        super().__init__()
        check_whole(self, 2, codebook_size=codebook_size)
        if not temperature > 0:
            raise BadArguments(f"gumbel: temperature is above 0, not {temperature!r}")
        self.dim = self.codebook_size = codebook_size
        self.temperature = temperature

    @property
    def sizes(self) -> tuple[int, ...]:
        """(K,)."""
        return (self.codebook_size,)

    @property
    def codebook(self) -> Float[torch.Tensor, "K K"]:
        """The unit matrix, made when asked for, on the CPU."""
        return torch.eye(self.codebook_size)

    @torch.no_grad()
    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
        """The largest logit; of equal ones the lowest."""
        places = torch.arange(self.codebook_size, device=x.device)
        return places.where(x == x.amax(dim=1, keepdim=True), self.codebook_size - 1).amin(dim=1)

    def decode(self, codes: Int[torch.Tensor, "N"]) -> Float[torch.Tensor, "N D"]:
        """A 1 in a row of zeros."""
        empty = torch.zeros(len(codes), self.codebook_size, device=codes.device)
        return empty.scatter_(1, codes[:, None], 1.0)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """The likeliest codes without noise; in `train()` blends of vectors with noise; the loss."""
        x = x.float()
        codes = self.codes(x)
        found = torch.nn.functional.gumbel_softmax(x, self.temperature) if self.training else self.decode(codes)
        chance = x.softmax(dim=1)
        apart = (chance * (self.codebook_size * chance).clamp(min=1e-10).log()).sum() / max(len(x), 1)
        return Quantized(codes, found, {"kl": KL * apart})

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]) -> None:
        """Nothing: gradients teach all of it."""

    def __repr__(self) -> str:
        kept = {} if self.temperature == 1 else {"temperature": self.temperature}
        return text(self, self.codebook_size, **kept)
