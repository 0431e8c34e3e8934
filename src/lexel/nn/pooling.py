"""From the tokens of a picture to one vector."""

from lexel.kernels.attention import attention
from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.nn.layers import MLP, Linear
from lexel.nn.transformer import Attention
from lexel.ragged.packed import Packed
from lexel.shapes import Float
from lexel.tokens.meaning import Kind


def class_tokens(packed: Packed) -> Float[torch.Tensor, "B D"]:
    """The class token of each picture, wherever a selector put it. Every picture has one."""
    return packed.x[packed.kind == Kind.CLASS]


class AttentionPool(torch.nn.Module):
    """A learned question to all tokens of a picture, then an MLP (the MAP head of SigLIP).

    probe ─► attention over the picture ─┬─ norm ─ mlp ─ + ─►
                                         └───────────────┘
    """

    def __init__(self, attention: Attention, mlp: MLP, width: int, eps: float) -> None:
        super().__init__()
        self.probe = torch.nn.Parameter(torch.zeros(width))
        self.attention = attention
        self.norm = torch.nn.LayerNorm(width, eps)
        self.mlp = mlp

    def forward(self, packed: Packed) -> Float[torch.Tensor, "B D"]:
        """One vector a picture. A token that stands for several counts as several. No picture may be empty."""
        heads = self.attention.heads
        q = self._project(self.probe[None], 0, 1).view(1, heads, -1)
        k, v = self._project(packed.x, 1, 3).unflatten(1, (2, heads, -1)).unbind(1)
        mixed = attention(
            q.expand(len(packed), -1, -1),
            k,
            v,
            counts=packed.counts,
            queries=(1,) * len(packed),
            log_mass=None if packed.mass is None else packed.mass.log(),
        )
        return self._finish(mixed.flatten(1))

    def each(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        """Each token as if it were alone in its picture: attention to one token is the value of that token."""
        return self._finish(self._project(x, 2, 3))

    def _project(self, x: Float[torch.Tensor, "N D"], start: int, stop: int) -> Float[torch.Tensor, "N O"]:
        """The parts `start` to `stop` of q, k, v."""
        qkv, width = self.attention.qkv, len(self.probe)
        assert isinstance(qkv, Linear)
        rows = slice(start * width, stop * width)
        return linear(x, qkv.weight[rows], qkv.bias[rows])

    def _finish(self, mixed: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        pooled: torch.Tensor = self.attention.out(mixed)
        return pooled + self.mlp(self.norm(pooled))
