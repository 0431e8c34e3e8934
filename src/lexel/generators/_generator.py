"""A generator: a prior over the codes of one vocabulary, and how it is drawn from. What users call.

    seed ─────────────────► codes of a new picture ─┐
    tokens of a picture,                            ├─► Tokens ─► vocabulary.detokenize ─► pictures
    a box of it ──────────► the codes in it anew ───┘

It holds no pixels and no decoder. Its `vocabulary` says which autoencoder makes pictures of what it draws, by name and
by the digest of its weights; codes of another one are refused, because equal numbers would mean other things.
"""

import numpy as np

from lexel.errors import SpaceMismatch
from lexel.generators._new import check_sizes, new_tokens
from lexel.generators._objective import Objective
from lexel.generators._prior import Prior, Vocabulary
from lexel.generators._region import Box, hidden
from lexel.generators._windows import filled
from lexel.generators.absorbing import Absorbing
from lexel.generators.autoregressive import Autoregressive
from lexel.generators.maskgit import MaskGIT
from lexel.needs import torch
from lexel.nn.loaded import Loaded
from lexel.pipelines.grammar import Stage
from lexel.shapes import Array, Float
from lexel.tokens.value import Tokens

OBJECTIVES: dict[str, type[Objective]] = {
    "maskgit": MaskGIT,
    "absorbing": Absorbing,
    "autoregressive": Autoregressive,
}


class Generator(Loaded):
    """New codes of a vocabulary.

    image    the network
    name     what `lexel.load` was given
    digest   of the weights
    """

    def __init__(self, image: Prior, *, name: str = "unnamed", digest: str = "") -> None:
        super().__init__()
        self.image, self.name, self.digest = image, name, digest

    @property
    def vocabulary(self) -> Vocabulary:
        """Whose codes it knows: `lexel.load(model.vocabulary.name)` makes pictures of them."""
        return self.image.config.vocabulary

    @property
    def objective(self) -> Objective:
        """What it was trained for, and how it draws unless it is told otherwise."""
        return OBJECTIVES[self.image.config.objective]()

    def sample(self, count: int, *, height: int, width: int, seed: int = 0, by: Objective | None = None) -> Tokens:
        """The codes of `count` new pictures of `height` × `width` cells. Equal seeds draw alike.

        by   how: `MaskGIT(steps=8)`, `Absorbing(temperature=0.9)`, `Autoregressive(top_k=100)`

            prior.sample(4, height=16, width=16)        # <1,024 tokens of 4 pictures, 256 each: codes of …>

        Picture i depends on the seed and i, not on `count`. Raises `BadArguments` for sizes that are none, and for a
        way of drawing that needs another kind of prior.
        """
        check_sizes(count, height, width)
        blank = torch.full((count, height, width), self.image.blank)
        with torch.inference_mode():
            codes = (by or self.objective).filled(self.image, blank, seed=seed).numpy()
        return new_tokens(codes, self.vocabulary.space, cell=self.vocabulary.cell, seed=seed)

    def inpaint(self, tokens: Tokens, box: Box, *, seed: int = 0, by: Objective | None = None) -> Tokens:
        """The same tokens, those that the box touches and their neighbours drawn anew; all others stay as they are.

        tokens   of pictures, by its vocabulary
        box      x0, y0, x1, y1 in the unit square of the upright picture

        Pictures may be of any size: the prior is shown windows as large as it learned, see `generators/_windows.py`.
        Raises `SpaceMismatch` for codes of another vocabulary, `BadArguments` for a box that is none, `TokensError` for
        tokens that were merged or dropped.
        """
        self._check(tokens)
        drawn = [np.zeros(0, np.int64)]
        rasters = zip(tokens.grids(), hidden(tokens.pictures, box), strict=True)
        with torch.inference_mode():
            for number, (codes, anew) in enumerate(rasters):
                blanked = torch.from_numpy(np.where(anew, self.image.blank, codes).astype(np.int64))
                whole = filled(self.image, blanked, by or self.objective, seed=seed + number)
                drawn.append(whole.numpy().reshape(-1))
        return tokens.with_(data=np.concatenate(drawn).astype(tokens.data.dtype))

    def bits(self, tokens: Tokens) -> Float[Array, "B"]:
        """How many bits the codes of each picture take, float64.

        Exactly where it was trained row by row, else at most and on average. Raises `SpaceMismatch`, `TokensError`.
        """
        self._check(tokens)
        with torch.inference_mode():
            rasters = [torch.tensor(codes, dtype=torch.int64)[None] for codes in tokens.grids()]
            found = [self.objective.bits(self.image, codes.to(self.image.bias.device)) for codes in rasters]
        return np.concatenate([np.zeros(0), *(bits.numpy() for bits in found)])

    def __repr__(self) -> str:
        return str(Stage(self.name))

    def _check(self, tokens: Tokens) -> None:
        """Raise `SpaceMismatch` for codes that mean something else."""
        ours, theirs = self.vocabulary.space, tokens.space
        if theirs != ours:
            said = [f"{space} ({space.digest[:8] or 'no digest'})" for space in (ours, theirs)]
            raise SpaceMismatch(
                f"{self!r} knows {said[0]}, these are {said[1]}", hint=f"lexel.load({ours.name!r}) makes its"
            )
