"""The network of every generator: how likely each code is in each cell, given other cells.

    codes ─► embedding + place ─► blocks ─► norm ─► times the embedding again ─► logits, one a code

    both ways   every cell sees all cells; one that is not known has the code `blank`
    causal      a cell sees those before it in raster order: what stands at a place is the code before it

Where a cell lies is said twice. Queries and keys are turned by how many cells lie between two, which means the same on
every raster; sines of the place in the picture are added, so that the top of a picture differs from its middle.

The way out shares the table of the way in: 1,024 codes of 160 numbers are a tenth of a network of 1.4 million. On the
way in its rows are √D times as large: logits want small rows, and beside what the blocks add small ones are not seen.
"""

import math
from dataclasses import dataclass, replace

from lexel.autoencoders._discrete import Discrete
from lexel.errors import BadArguments
from lexel.kernels.attention import attention, causal_attention
from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.nn.layers import Embedding, Linear
from lexel.nn.patches import packed
from lexel.nn.rotary import Rotary, centres
from lexel.nn.transformer import Attention, Block, Transformer
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Int
from lexel.tokens.meaning import Space
from lexel.towers._config import Blocks

THETA = 100.0  # the slowest of 8 pairs turns once in 350 cells: no raster is as wide
SINES = 2  # frequencies of a place, each as sine and cosine of y and of x


@dataclass(frozen=True)
class Vocabulary:
    """What the codes of a prior mean: those of one autoencoder, and of no other.

    name            that loads the autoencoder
    digest          of its weights
    codebook_size   K
    width           of the vector of a code
    cell            pixels of a side of a cell
    """

    name: str
    digest: str
    codebook_size: int
    width: int
    cell: int

    @classmethod
    def of(cls, model: Discrete) -> "Vocabulary":
        """That of an autoencoder. Raises `BadArguments` for several codebooks: a cell would have several codes."""
        space = model.space
        if len(space.codebook) != 1:
            raise BadArguments(f"has {len(space.codebook)} codebooks, a prior knows one", subject=model.name)
        return cls(model.name, model.digest, space.codebook[0], space.width, model.image.cell)

    @property
    def space(self) -> Space:
        """What the data of its tokens mean."""
        return Space("codes", self.width, (self.codebook_size,), digest=self.digest, name=self.name)


@dataclass(frozen=True)
class PriorConfig:
    """A prior.

    objective   what it was trained for: "maskgit", "absorbing", "autoregressive"
    side        cells of a side of the rasters that it learned from; holes in larger ones are filled in such windows
    """

    vocabulary: Vocabulary
    objective: str
    blocks: Blocks
    side: int = 16

    @property
    def causal(self) -> bool:
        """Whether a cell sees those before it alone."""
        return self.objective == "autoregressive"


class Prior(torch.nn.Module):
    """Codes, some of them not known, → logits. Without weights until a state is loaded into it.

    blank   the code of a cell that is not known: K. There is no logit for it, so that it is never drawn
    """

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config, width = config, config.blocks.width
        self.blank = config.vocabulary.codebook_size
        self.codes = Embedding(self.blank + 1, width)
        self.places = Linear(4 * SINES, width)
        self.transformer = Transformer(torch.nn.ModuleList(_block(config) for _ in range(config.blocks.depth)))
        self.norm_out = torch.nn.LayerNorm(width, config.blocks.eps)
        self.bias = torch.nn.Parameter(torch.zeros(self.blank))

    def forward(self, codes: Int[torch.Tensor, "b h w"]) -> Float[torch.Tensor, "b h w K"]:
        """How likely each code is in each cell.

        Of a causal prior those of a cell say nothing of its code and of those after it: all may be known.
        """
        b, h, w = codes.shape
        rows = codes.flatten(1)
        if self.config.causal:
            rows = torch.cat([torch.full_like(rows[:, :1], self.blank), rows[:, :-1]], dim=1)
        entered = self.entered(rows, places(h, w, device=rows.device), [(h, w)] * b)
        return self.left(self.transformer(entered).packed.x).view(b, h, w, self.blank)

    def entered(
        self, rows: Int[torch.Tensor, "b n"], where: Float[torch.Tensor, "n 4"], grids: list[tuple[int, int]]
    ) -> Packed:
        """What goes into the blocks: `rows` of codes at `where`, see `places`."""
        cells, centre = where.tensor_split(2, dim=1)
        angles = math.pi / 2 * torch.cat([(1 + k) * centre for k in range(SINES)], dim=1)
        place = self.places(torch.cat([angles.sin(), angles.cos()], dim=1).to(self.bias))
        x = (self.codes(rows) * self.codes.embedding_dim**0.5 + place).flatten(0, 1)
        return replace(packed(x, grids), places=cells.repeat(len(rows), 1))

    def left(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N K"]:
        """Logits from what comes out of the blocks."""
        return linear(self.norm_out(x), self.codes.weight[: self.blank], self.bias)


def places(h: int, w: int, *, device: torch.device) -> Float[torch.Tensor, "n 4"]:
    """Where every cell of a raster lies, row by row: y and x for rotations, y and x in the picture, −1 … 1.

    `Rotary` turns its first pair once a unit; divided by 2π, by one radian a cell.
    """
    cells = torch.cartesian_prod(torch.arange(h), torch.arange(w)).float() / (2 * math.pi)
    return torch.cat([cells.to(device), centres([(h, w)], device=device)], dim=1)


def _block(config: PriorConfig) -> Block:
    blocks = config.blocks
    attend = causal_attention if config.causal else attention
    mixing = Attention(blocks.width, blocks.heads, attend, rotary=Rotary(THETA))
    return Block(mixing, blocks.mlp(), blocks.width, blocks.eps)
