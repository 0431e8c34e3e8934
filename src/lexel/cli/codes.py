"""`demo codes`: photographs as codes of the vocabularies that come with lexel, and pictures that nobody took.

photograph ─► codes ─► stream ─► codes ─► photograph     lexel/photo-fsq, lexel/photo-vq
           ─► latents ─────────────────► photograph      lexel/photo-vae
seed       ─► codes ───────────────────► picture         lexel/photo-prior
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from lexel import __version__, box
from lexel.drawing import html
from lexel.drawing.marks import Drawing, Raster
from lexel.drawing.views import View
from lexel.measures.bits import bits
from lexel.measures.codecs import ladder
from lexel.measures.compare import Comparison, compare
from lexel.measures.pixels import mse, psnr, ssim
from lexel.pictures.picture import Picture, Source
from lexel.pictures.read import read

if TYPE_CHECKING:
    from lexel.autoencoders._discrete import Discrete
    from lexel.generators._generator import Generator

MODELS = ("lexel/photo-fsq", "lexel/photo-vq", "lexel/photo-vae")
PRIOR = "lexel/photo-prior"
SHOWN = ("coffee", "text")  # one that the vocabularies learned from, one that they did not
COMPARED = MODELS[:2]
NEW, CELLS = 3, 16  # pictures that nobody took, and codes of a side
BOX = (0.3, 0.3, 0.7, 0.7)
WAY = ("chelsea", "coffee")
STATIONS, SIDE = 6, 256  # pictures of the way; pixels of a side of squares
STEPS = 2 * len(MODELS) + 3


@dataclass(frozen=True, eq=False)
class Kept:
    """What a vocabulary keeps of one photograph.

    numbers   of all its tokens
    bits      a pixel: of the stream where the model has an entropy coder, else as stored
    jpeg      PSNR in dB of the JPEG of at most as many bits
    """

    model: str
    picture: str
    numbers: int
    bits: float
    psnr: float
    ssim: float
    jpeg: float
    back: Picture

    COLUMNS = ("model", "picture", "numbers", "bits a pixel", "PSNR", "SSIM", "JPEG's PSNR")

    def cells(self) -> list[str]:
        """As a line of a table."""
        said = [f"{self.bits:.3f}", f"{self.psnr:.1f}", f"{self.ssim:.3f}", f"{self.jpeg:.1f}"]
        return [self.model, self.picture, f"{self.numbers:,}", *said]

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "model": self.model,
            "picture": self.picture,
            "numbers": self.numbers,
            "bits_per_pixel": round(self.bits, 4),
            "psnr_db": round(self.psnr, 2),
            "ssim": round(self.ssim, 4),
            "jpeg_psnr_db": round(self.jpeg, 2),
        }


@dataclass(frozen=True, eq=False)
class Shown:
    """All that there is to see.

    new    pictures of the prior
    anew   a square of the first photograph, and the same with a box of it drawn anew
    way    from one photograph to another, through latents
    """

    pictures: tuple[Picture, ...]
    kept: tuple[Kept, ...]
    new: tuple[Picture, ...]
    anew: tuple[Picture, Picture]
    way: tuple[Picture, ...]


def show(tell: Callable[[], None]) -> Shown:
    """Make all of it; `tell` hears of each of `STEPS` steps."""
    pictures = tuple(read([_boxed(name) for name in SHOWN]))
    kept = []
    for model in MODELS:
        for picture in pictures:
            kept.append(_kept(model, picture))
            tell()
    shown = []
    for make in (_new, _anew, _way):
        shown.append(make())
        tell()
    new, (before, after), way = shown
    return Shown(pictures, tuple(kept), tuple(new), (before, after), tuple(way))


def compared(progress: Callable[[str], None]) -> Comparison:
    """The codes beside JPEG and WebP at as many bits."""
    return compare([_boxed(name) for name in SHOWN], COMPARED, repeats=1, progress=progress)


def page(shown: Shown) -> str:
    """A page of it."""
    parts = [
        html.heading("Photographs as codes", 1),
        html.paragraph(
            "Three vocabularies of three megabytes each come with lexel. They learned from twelve photographs, on one "
            "core of a processor: small and honest, and no match for published ones of a hundred times their size.",
            lead=True,
        ),
        html.table(Kept.COLUMNS, [one.cells() for one in shown.kept], right=range(2, 7)),
        html.paragraph(
            "Bits of codes are those of a stream that is written and read, of latents those of float32. “JPEG’s PSNR” "
            f"is the best JPEG of at most as many bits. They learned from “{SHOWN[0]}”, and never saw “{SHOWN[1]}”."
        ),
    ]
    for picture in shown.pictures:
        backs = [one for one in shown.kept if one.picture == picture.name]
        views = [_view(picture.name, "as it is", picture)]
        views += [_view(one.model, f"{one.bits:.3f} bits a pixel, {one.psnr:.1f} dB", one.back) for one in backs]
        parts += [html.heading(picture.name), html.figures(views)]
    parts += [
        html.heading("Pictures that nobody took"),
        html.paragraph("Codes drawn by lexel/photo-prior, all at once in twelve passes, surest first (MaskGIT)."),
        html.figures([_view(f"seed 0, picture {i}", "new", picture) for i, picture in enumerate(shown.new)]),
        html.heading("A box of it anew"),
        html.paragraph(
            "The codes in the middle are drawn anew, given those around; no pixel outside changes. "
            "So small a prior knows the colours, and nothing of cups."
        ),
        html.figures([_view("before", "as it is", shown.anew[0]), _view("after", "its middle", shown.anew[1])]),
        html.heading("From one photograph to another"),
        html.paragraph("Latents of lexel/photo-vae on the way between two photographs."),
        html.figures([_view(f"{i} of {STATIONS - 1}", "on the way", one) for i, one in enumerate(shown.way)]),
        html.footer(f"Made by lexel {__version__}. The photographs are in the public domain or CC0."),
    ]
    return html.page("lexel: photographs as codes", parts)


def _kept(name: str, picture: Picture) -> Kept:
    """Through the model, and its stream where it has one, and back."""
    from lexel.autoencoders._autoencoder import Autoencoder
    from lexel.autoencoders._discrete import Discrete
    from lexel.loading.load import load

    model = load(name)
    assert isinstance(model, Autoencoder)
    tokens = model.tokenize([picture])
    size = float(bits(tokens))
    if isinstance(model, Discrete) and model.tables is not None:
        stream = model.tables.encode(tokens.grids()[0])
        tokens = tokens.with_(data=model.tables.decode(stream).reshape(-1).astype(tokens.data.dtype))
        size = 8.0 * len(stream)
    [back] = model.detokenize(tokens)
    jpeg = ladder(picture.pixels, "jpeg")(int(size)).pixels(picture.size)
    return Kept(
        name,
        picture.name,
        tokens.data.size,
        size / picture.pixels[..., 0].size,
        psnr(mse(picture.pixels, back.pixels)),
        ssim(picture.pixels, back.pixels),
        psnr(mse(picture.pixels, jpeg)),
        back,
    )


def _new() -> Sequence[Picture]:
    prior, vocabulary = _prior()
    return vocabulary.detokenize(prior.sample(NEW, height=CELLS, width=CELLS, seed=0))


def _anew() -> Sequence[Picture]:
    from lexel.generators._region import painted

    prior, vocabulary = _prior()
    picture = _square(SHOWN[0])
    tokens = prior.inpaint(vocabulary.tokenize([picture]), BOX, seed=0)
    return picture, painted(picture, vocabulary.detokenize(tokens)[0], BOX)


def _way() -> Sequence[Picture]:
    from lexel.autoencoders._continuous import Continuous
    from lexel.generators.latents import interpolated
    from lexel.loading.load import load

    model = load(MODELS[2])
    assert isinstance(model, Continuous)
    a, b = map(_square, WAY)
    return interpolated(model, a, b, STATIONS)


def _square(name: str) -> Picture:
    """The middle of a picture of the box, small."""
    [picture] = read(_boxed(name))
    fitted = ImageOps.fit(Image.fromarray(picture.pixels), (SIDE, SIDE), Image.Resampling.BICUBIC)
    [square] = read(np.asarray(fitted))
    return replace(square, name=picture.name)


def _boxed(name: str) -> Source:
    path = box.path(name)
    return Source(path.name, path)


def _prior() -> "tuple[Generator, Discrete]":
    from lexel.autoencoders._discrete import Discrete
    from lexel.generators._generator import Generator
    from lexel.loading.load import load

    prior = load(PRIOR)
    assert isinstance(prior, Generator)
    vocabulary = load(prior.vocabulary.name)
    assert isinstance(vocabulary, Discrete)
    return prior, vocabulary


def _view(title: str, caption: str, picture: Picture) -> View:
    height, width = picture.pixels.shape[:2]
    return View(title, caption, Drawing(height, width, (Raster(picture.pixels, (0, 0, width, height)),)))
