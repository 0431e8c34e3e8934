"""How steady codes are: the share that changes where the picture hardly does.

    noise     each byte is 1 less, the same, or 1 more
    jpeg      the picture as a JPEG of quality 95
    resize    twice as large, and back, bicubic
    shift     by a whole cell; codes are compared with those of the cell that they came from
    again     nothing but the model itself: the codes of the picture that is decoded from the codes

    picture ─► codes ──────────► pixels
       │         ╎ flips            ╎ PSNR between the two
       ▼         ╎                  ╎
    changed ─► codes ──────────► pixels

All begins from the picture at the size at which the model gives it back, so that a model's own preparation counts for
nothing.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from PIL import Image

from lexel.measures.pixels import mse, psnr
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.shapes import Array, Float, Num, UInt8
from lexel.tokens.value import Tokens

QUALITY = 95
Distance: TypeAlias = Callable[[Num[Array, "N *Q"], Num[Array, "N *Q"]], Float[Array, "N"]]


@runtime_checkable
class Codec(Protocol):
    """A tokenizer whose tokens are codes, and can be undone."""

    def tokenize(self, pictures: Sequence[Picture]) -> Tokens:
        """The codes of pictures."""

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """Pictures from them."""


@dataclass(frozen=True)
class Change:
    """What a disturbance does.

    flips      share of the codes that are others
    mse        between the two decodings
    distance   mean distance between the vectors of the codes that are others; None where there is none, or no measure
    """

    flips: float
    mse: float
    distance: float | None = None

    @property
    def psnr(self) -> float:
        """Between the two decodings, in dB; infinite where they are equal."""
        return psnr(self.mse)


def stability(model: Codec, picture: Picture, *, distance: Distance | None = None) -> dict[str, Change]:
    """What each disturbance does to the codes of a picture.

    distance   between the vectors of two lists of codes

    "shift" is left out where the picture has a single row or column of cells, or tokens lie on no raster. Raises what
    `detokenize` raises.

        stability(lexel.load("lexel/photo-fsq"), picture)["jpeg"].flips
    """
    size = model.detokenize(model.tokenize([picture]))[0].pixels.shape
    still = pillow_bicubic(picture.pixels, (size[0], size[1]))
    codes, pixels = _seen(model, still)
    found = {
        name: _change((codes.data, pixels), (after.data, again), distance)
        for name, disturbed in {**_disturbed(still), "again": pixels}.items()
        for after, again in [_seen(model, disturbed)]
    }
    if len(codes.pictures.grids) == 1 and codes.pictures.grids.prod() == codes.total:
        found |= _shifted(model, still, codes, distance)
    return found


def _disturbed(pixels: UInt8[Array, "H W 3"]) -> dict[str, UInt8[Array, "H W 3"]]:
    noise = np.random.default_rng(0).integers(-1, 2, pixels.shape)
    height, width = pixels.shape[:2]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=QUALITY)
    with Image.open(file) as image:
        jpeg = np.asarray(image.convert("RGB"))
    return {
        "noise": np.clip(pixels + noise, 0, 255).astype(np.uint8),
        "jpeg": jpeg,
        "resize": pillow_bicubic(pillow_bicubic(pixels, (2 * height, 2 * width)), (height, width)),
    }


def _shifted(model: Codec, still: UInt8[Array, "H W 3"], codes: Tokens, distance: Distance | None) -> dict[str, Change]:
    """The picture goes round by a cell, down and right; the row and the column that came round are not compared."""
    down, right = (round(float(codes.boxes[0, at]) * side) for at, side in zip((3, 2), still.shape, strict=False))
    whole = still[: len(still) // down * down, : still.shape[1] // right * right]
    if len(whole) < 2 * down or whole.shape[1] < 2 * right:
        return {}
    before, pixels = _seen(model, whole)
    after, moved = _seen(model, np.roll(whole, (down, right), axis=(0, 1)))
    cells = before.grids()[0][:-1, :-1], after.grids()[0][1:, 1:]
    stood = pixels[:-down, :-right], moved[down:, right:]
    flat = [cell.reshape(-1, *codes.data.shape[1:]) for cell in cells]
    return {"shift": _change((flat[0], stood[0]), (flat[1], stood[1]), distance)}


def _seen(model: Codec, pixels: UInt8[Array, "H W 3"]) -> tuple[Tokens, UInt8[Array, "H W 3"]]:
    """The codes of pixels, and the pixels of the codes."""
    pixels = np.ascontiguousarray(pixels)
    tokens = model.tokenize([Picture(pixels, "", (pixels.shape[0], pixels.shape[1]), "")])
    return tokens, model.detokenize(tokens)[0].pixels


def _change(
    before: tuple[Num[Array, "N *Q"], UInt8[Array, "H W 3"]],
    after: tuple[Num[Array, "N *Q"], UInt8[Array, "H W 3"]],
    distance: Distance | None,
) -> Change:
    (codes, pixels), (others, again) = before, after
    differ = codes != others
    rows = differ.reshape(len(differ), -1).any(axis=1)
    far = float(distance(codes[rows], others[rows]).mean()) if distance and rows.any() else None
    return Change(float(differ.mean()) if differ.size else 0.0, mse(pixels, again), far)
