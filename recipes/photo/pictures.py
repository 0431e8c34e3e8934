"""What the photo vocabularies learn from: photographs in the public domain or under CC0, and drawn textures.

    photographs   twelve samples of scikit-image, and their halves
    leaves        discs, ellipses and polygons of all sizes over each other (dead leaves), each filled with a gradient,
                  noise of a natural spectrum, stripes, or a piece of a photograph: edges and texture without end
    crops         each step other ones: smaller, mirrored, turned by quarters, with channels exchanged, in other light

Everything follows from the seed and the step. None of it shows what the vocabularies are measured with: the two
photographs of scikit-learn.
"""

from pathlib import Path

import numpy as np
import skimage.data
from numpy.random import Generator
from PIL import Image, ImageDraw

from lexel.needs import torch
from lexel.shapes import Array, Float, UInt8
from lexel.training.loader import Batch, unspelled
from lexel.training.task import drawn

SOURCE = Path(skimage.data.__file__).parent
# Their docstrings in scikit-image 0.26 state the public domain or CC0. Left out for want of such a statement: coins,
# ihc, moon, motorcycle, page, rocket. Left out for not being photographs: horse, logo, phantom, text.
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png", "coffee.png",
    "grass.png", "gravel.png", "hubble_deep_field.jpg", "microaneurysms.png", "retina.jpg",
)  # fmt: skip
COLORFUL = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "retina.jpg")
LEAVES, FILLINGS, SIDE = 160, 240, 384  # pictures of leaves, what they are filled with, and pixels of a side of both
LEAVED = 0.45  # share of the crops that are of leaves


def photographs() -> list[UInt8[Array, "H W 3"]]:
    """The photographs and their halves, colourful ones three times so that they are drawn as often as grey ones."""
    found = []
    for name in PHOTOGRAPHS:
        image = Image.open(SOURCE / name).convert("RGB")
        if max(image.size) > 1000:
            image = image.resize((705, 705), Image.Resampling.BOX)
        sizes = [image] if min(image.size) < 300 else [image, image.reduce(2)]
        found += [np.asarray(one) for one in sizes] * (3 if name in COLORFUL else 1)
    return found


def leaves(seed: int, fillings: list[UInt8[Array, "S S 3"]]) -> UInt8[Array, "S S 3"]:
    """One picture of leaves."""
    rng = np.random.default_rng(drawn(seed, "leaves"))
    canvas = Image.fromarray(fillings[rng.integers(len(fillings))])
    smallest = rng.choice([3, 6, 12])
    radii = smallest * (1 - rng.random(int(rng.integers(20, 260)))) ** -0.7
    for radius in np.minimum(np.sort(radii)[::-1], SIDE / 2).tolist():
        leaf = _leaf(rng, radius)
        side = leaf.size[0]
        top, left = (int(start) for start in rng.integers(SIDE - side + 1, size=2))
        inside = fillings[rng.integers(len(fillings))][top : top + side, left : left + side]
        canvas.paste(Image.fromarray(inside), tuple(rng.integers(-side // 2, SIDE - side // 2, size=2).tolist()), leaf)
    return np.asarray(canvas)


def fillings(seed: int, around: list[UInt8[Array, "H W 3"]]) -> list[UInt8[Array, "S S 3"]]:
    """What leaves are filled with."""
    return [_filling(np.random.default_rng(drawn(seed, "filling", number)), around, SIDE) for number in range(FILLINGS)]


class CropLoader:
    """`loader[step]`: so many square crops of one side, float32 `[batch, 3, side, side]` from −1 to 1."""

    def __init__(self, batch: int, side: int, *, seed: int) -> None:
        self._photographs = photographs()
        inside = fillings(seed, self._photographs)
        self._leaves = [leaves(number, inside) for number in range(LEAVES)]
        self._batch, self._side, self._seed = batch, side, seed

    def __getitem__(self, step: int) -> Batch:
        """The crops of a step, the same whenever they are asked for."""
        rng = np.random.default_rng(drawn(self._seed, "crops", step))
        crops = np.stack([self._crop(rng) for _ in range(self._batch)])
        pixels = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))
        return Batch(pixels, unspelled([""] * self._batch), torch.arange(self._batch))

    def _crop(self, rng: Generator) -> Float[Array, "S S 3"]:
        some = self._leaves if rng.random() < LEAVED else self._photographs
        pixels = some[rng.integers(len(some))]
        least = min(pixels.shape[:2])
        # Half of the crops as they are; the others from up to three times the side, made smaller by averaging.
        side = self._side if rng.random() < 0.5 else int(self._side * rng.uniform(1, 3))
        side = min(side, least)
        top, left = (int(rng.integers(length - side + 1)) for length in pixels.shape[:2])
        crop = pixels[top : top + side, left : left + side]
        if side != self._side:
            crop = np.asarray(Image.fromarray(crop).resize((self._side, self._side), Image.Resampling.BOX))
        crop = np.rot90(crop, int(rng.integers(4)))[:, :: rng.choice([1, -1])]
        return _lit(crop.astype(np.float32) / 127.5 - 1, rng)


def _lit(crop: Float[Array, "S S 3"], rng: Generator) -> Float[Array, "S S 3"]:
    """In other light: channels exchanged, a colour cast, more or less contrast; never beyond −1 and 1."""
    if rng.random() < 0.3:
        crop = crop[..., rng.permutation(3)]
    if rng.random() < 0.5:
        crop = crop * rng.uniform(0.6, 1.15, 3).astype(np.float32) + rng.uniform(-0.15, 0.15, 3).astype(np.float32)
    if rng.random() < 0.3:
        crop = crop * np.float32(rng.uniform(0.5, 1.2)) + np.float32(rng.uniform(-0.2, 0.2))
    return crop.clip(-1, 1)


def _filling(rng: Generator, around: list[UInt8[Array, "H W 3"]], side: int) -> UInt8[Array, "S S 3"]:
    """A square to fill a leaf with."""
    kind = rng.random()
    if kind < 0.3:
        some = around[rng.integers(len(around))]
        least = min(some.shape[:2])
        cut = int(rng.integers(min(96, least), least + 1))
        top, left = (int(rng.integers(length - cut + 1)) for length in some.shape[:2])
        return np.asarray(Image.fromarray(some[top : top + cut, left : left + cut]).resize((side, side)))
    y, x = np.mgrid[0:side, 0:side] / side
    angle = rng.random() * np.pi
    along = x * np.cos(angle) + y * np.sin(angle)
    if kind < 0.5:
        wave = along  # a gradient
    elif kind < 0.65:
        wave = (np.sin(along * rng.uniform(10, 400)) * rng.uniform(0.2, 4)).clip(-1, 1) / 2 + 0.5
    else:
        wave = _noise(rng, side, rng.uniform(0.6, 2.2))
    a, b = _color(rng), _color(rng)
    if rng.random() < 0.6:  # little contrast is common
        b = a + (b - a) * rng.uniform(0.05, 0.5)
    return (a + (b - a) * wave[..., None]).clip(0, 255).astype(np.uint8)


def _color(rng: Generator) -> Float[Array, "3"]:
    """Mostly muted: what stands around a grey."""
    grey = rng.uniform(0, 255)
    return (grey + rng.normal(0, rng.choice([8, 30, 80]), 3)).clip(0, 255)


def _noise(rng: Generator, side: int, fall: float) -> Float[Array, "S S"]:
    """Noise from 0 to 1 whose amplitude falls with frequency^`fall`, as that of photographs does with about 1."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = 1
    wave = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) / frequency**fall, s=(side, side))
    low, high = np.percentile(wave, (1, 99))
    return ((wave - low) / (high - low)).clip(0, 1)


def _leaf(rng: Generator, radius: float) -> Image.Image:
    """A disc, an ellipse or a polygon of straight sides, white on black; its edges are soft."""
    side = max(2, int(2 * radius))
    mask = Image.new("L", (2 * side, 2 * side))
    draw = ImageDraw.Draw(mask)
    if rng.random() < 0.5:
        other = side * rng.uniform(0.3, 1)
        draw.ellipse((0, side - other, 2 * side - 1, side + other), fill=255)
        mask = mask.rotate(float(rng.uniform(0, 180)), Image.Resampling.BILINEAR)
    else:
        angles = np.sort(rng.random(int(rng.integers(3, 7)))) * 2 * np.pi
        draw.polygon([(side * (1 + np.cos(a)), side * (1 + np.sin(a))) for a in angles], fill=255)
    return mask.reduce(2)
