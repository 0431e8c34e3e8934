"""A vocabulary beside what everybody has already: PSNR and SSIM of pictures that it never saw, at its bits a pixel.

    codes              ⌈log2 K⌉ bits each
    JPEG, WebP         the best quality whose bits, without the header, are not more
    k-means of blocks  cells of pixels as they are, each named by the nearest of K learned ones: no network at all

All of them see the picture as large as it is tokenized, and are compared with that.
"""

from dataclasses import dataclass
from itertools import islice
from math import prod

import numpy as np

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._discrete import Discrete
from lexel.kernels.lookup import nearest
from lexel.measures.bits import bits, code_bits
from lexel.measures.codecs import Codec, ladder
from lexel.measures.pixels import WINDOW, mse, psnr, ssim
from lexel.needs import torch
from lexel.pictures.resize import padded
from lexel.quantizers._codebook import kmeans
from lexel.shapes import Array, Float, UInt8
from lexel.training.data import Pairs
from lexel.training.held_out import readable

MINE = "this vocabulary"
MOST = 32  # held-out pictures that are compared
LOOKED_AT = 64  # pictures whose blocks are learned
LARGEST = 1024  # codes of the blocks: more take minutes to learn
EACH = 16  # blocks to learn from, for each code
CODECS: dict[str, Codec] = {"JPEG": "jpeg", "WebP": "webp"}


@dataclass(frozen=True)
class Rate:
    """One way over all pictures that were compared.

    way              "JPEG"
    bits_per_pixel   the mean over pictures; None for vectors, which are as long as somebody stores them
    psnr, ssim       their means, dB and at most 1
    """

    way: str
    bits_per_pixel: float | None
    psnr: float
    ssim: float


def rates(model: Autoencoder, held_out: Pairs, train: Pairs) -> tuple[Rate, ...]:
    """`model` first, then those beside it; of vectors `model` alone. () where there is none of 7 × 7 pixels or more.

    held_out   as large as they are tokenized
    train      where the blocks are learned, likewise; the draw is always the same
    """
    found: dict[str, list[tuple[float, float, float]]] = {}
    blocks = _Blocks(model, train) if isinstance(model, Discrete) else None
    large = (picture for _, picture in readable(held_out) if min(picture.pixels.shape[:2]) >= WINDOW)
    for picture in islice(large, MOST):
        pixels = picture.pixels
        area = pixels.shape[0] * pixels.shape[1]
        tokens = model.tokenize([picture])
        [shown] = model.detokenize(tokens)
        found.setdefault(MINE, []).append((bits(tokens) / area, *_quality(pixels, shown.pixels)))
        if blocks is None:
            continue
        for way, codec in CODECS.items():
            file = ladder(pixels, codec)(bits(tokens))
            again = file.pixels((pixels.shape[0], pixels.shape[1]))
            found.setdefault(way, []).append((file.bits / area, *_quality(pixels, again)))
        found.setdefault(blocks.name, []).append((blocks.bits_per_pixel, *_quality(pixels, blocks(pixels))))
    means = {way: np.mean(rows, axis=0).tolist() for way, rows in found.items()}
    return tuple(Rate(way, rate if blocks else None, *quality) for way, (rate, *quality) in means.items())


class _Blocks:
    """Cells of pixels ↔ the nearest of K, which are the k-means of cells of pictures."""

    def __init__(self, model: Discrete, pictures: Pairs) -> None:
        self._side = model.image.cell
        size = min(LARGEST, prod(model.image.quantizer.sizes))
        rng = np.random.default_rng(0)
        rows = [self._rows(picture.pixels) for _, picture in islice(readable(pictures), LOOKED_AT)]
        cells = np.concatenate(rows)
        some = torch.from_numpy(cells[rng.permutation(len(cells))[: EACH * size]])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self._codebook, _ = kmeans(some, size)
        self.bits_per_pixel = code_bits(size) / self._side**2
        self.name = f"k-means of {self._side} × {self._side} blocks, K = {size:,}"

    def __call__(self, pixels: UInt8[Array, "H W 3"]) -> UInt8[Array, "H W 3"]:
        """The picture of its nearest blocks."""
        height, width = (-(-side // self._side) for side in pixels.shape[:2])
        codes = nearest(torch.from_numpy(self._rows(pixels)), self._codebook)
        blocks = self._codebook[codes].numpy().reshape(height, width, self._side, self._side, 3)
        shown = blocks.transpose(0, 2, 1, 3, 4).reshape(height * self._side, width * self._side, 3)
        return shown[: pixels.shape[0], : pixels.shape[1]].round().clip(0, 255).astype(np.uint8)

    def _rows(self, pixels: UInt8[Array, "H W 3"]) -> Float[Array, "N C"]:
        """Cells of 3 · side² numbers, row by row; what is missing to the last ones is filled with the last pixels."""
        whole, side = padded(pixels, self._side), self._side
        cells = whole.reshape(whole.shape[0] // side, side, whole.shape[1] // side, side, 3).transpose(0, 2, 1, 3, 4)
        return cells.reshape(-1, 3 * side**2).astype(np.float32)


def _quality(a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> tuple[float, float]:
    """PSNR, no better than that of one wrong byte, and SSIM."""
    error = max(mse(a, b), 1 / a.size)
    return psnr(error), ssim(a, b)
