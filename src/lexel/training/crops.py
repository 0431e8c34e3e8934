"""What a visual vocabulary learns from: small squares of pictures, cut, made smaller, turned, and in other light.

    ┌───────────────────┐
    │  ┌──┐  ┌───────┐  │      ┌──┐    half of them as they are, so that fine texture is seen
    │  └──┘  │       │  │  ─►  └──┘    half from larger squares, averaged down: more of the world in as many pixels
    │        └───────┘  │
    └───────────────────┘

A step on squares of 64 pixels costs a sixteenth of one on pictures of 256, and many different ones in a batch teach
more than few whole pictures. Everything follows from the seed: the same seed gives the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations

import numpy as np

from lexel.pictures.augment import draws
from lexel.pictures.picture import Picture, Refusal
from lexel.pictures.resize import fit, pillow_bicubic, pillow_box
from lexel.shapes import Array, Float
from lexel.training.data import Pairs

HELD = 1 << 30  # bytes of decoded pictures that stay in memory
ORDERS = [list(order) for order in permutations(range(3))][1:]  # of three colors, but for the usual one


@dataclass(frozen=True, kw_only=True)
class Squares:
    """`Squares(side=64)(picture, seed)`: float32 `[3, side, side]` from −1 to 1.

    side       pixels
    shrink     half of the squares are cut up to so many times as large, and averaged down; 1: none
    flip       how often left and right are exchanged, 0–1
    turn       how often it is turned by one, two or three quarters, 0–1
    exchange   how often red, green and blue change places, 0–1
    light      each color becomes stronger or weaker, lighter or darker by up to this share, 0–1; half of the squares

    A picture that is smaller than a square is repeated at its edges.
    """

    side: int
    shrink: float = 1.0
    flip: float = 0.0
    turn: float = 0.0
    exchange: float = 0.0
    light: float = 0.0

    def __call__(self, picture: Picture, seed: int) -> Float[Array, "3 S S"]:
        """The square of a seed, from 0."""
        large, size, y, x, turn, quarters, flip, exchange, order, lit, *light = draws(seed, 16)
        pixels = picture.pixels
        missing = [max(0, self.side - length) for length in pixels.shape[:2]]
        if any(missing):
            pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        cut = self.side if large < 0.5 else int(self.side * (1 + size * (self.shrink - 1)))
        cut = min(cut, *pixels.shape[:2])
        top, left = (int(place * (length - cut + 1)) for place, length in zip((y, x), pixels.shape[:2], strict=True))
        square = pillow_box(np.ascontiguousarray(pixels[top : top + cut, left : left + cut]), (self.side, self.side))
        if turn < self.turn:
            square = np.rot90(square, 1 + int(3 * quarters))
        if flip < self.flip:
            square = square[:, ::-1]
        if exchange < self.exchange:
            square = square[..., ORDERS[int(len(ORDERS) * order)]]
        levels = square.transpose(2, 0, 1).astype(np.float32, order="C") / np.float32(127.5) - 1
        if self.light and lit < 0.5:
            stronger, lighter = (self.light * (2 * np.array(light, np.float32) - 1)).reshape(2, 3, 1, 1)
            levels = (levels * (1 + stronger) + lighter).clip(-1, 1)
        return levels


class Several:
    """The same pictures, each `times` over, as large as they are tokenized. Decoded ones are kept while there is room.

    times   how often each counts in an epoch
    edge    pixels of the longer side at most
    """

    refused: tuple[Refusal, ...] = ()

    def __init__(self, data: Pairs, times: int, edge: int) -> None:
        self._data, self._times, self._edge = data, times, edge
        self.name, self.digest = data.name, data.digest
        self._picture: Callable[[int], Picture] = lru_cache(max(1, HELD // (3 * edge**2)))(self._decoded)

    def __len__(self) -> int:
        return len(self._data) * self._times

    def key(self, index: int) -> str:
        """The name of the picture, and which time it is."""
        time, place = divmod(index, len(self._data))
        return f"{self._data.key(place)} {time}"

    def captions(self, index: int) -> tuple[str, ...]:
        """None."""
        return ()

    def picture(self, index: int) -> Picture:
        """Of the longer side `edge` at most. Raises `PictureError` that names it."""
        return self._picture(index % len(self._data))

    def _decoded(self, place: int) -> Picture:
        picture = self._data.picture(place)
        size = fit(picture.pixels.shape[:2], self._edge)
        if size == picture.pixels.shape[:2]:
            return picture
        return replace(picture, pixels=pillow_bicubic(picture.pixels, size), size=size)
