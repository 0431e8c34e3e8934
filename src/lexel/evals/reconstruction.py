"""What a tokenizer keeps of pictures and what that costs: pixels, bits, codes, and JPEG and WebP at as many bits.

    picture ─► tokenize ─┬─► detokenize ─► PSNR, SSIM, distances of your own
                         │       └─► vectors of an encoder ─► Fréchet distance
                         ├─► bits: fixed, and of a stream where the model has an entropy coder
                         ├─► codes of all pictures ─► entropy, perplexity, use
                         └─► JPEG and WebP of as many bits ─► PSNR, SSIM

PSNR and SSIM are means over pictures of the measure of each, as tables of reconstruction print them; `compare` prints
the PSNR of the mean error, which is lower. Bits are those of all pictures over all their pixels.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._discrete import Discrete
from lexel.errors import BadArguments
from lexel.evals.frechet import frechet_distance
from lexel.evals.probes import features
from lexel.measures.bits import bits
from lexel.measures.codecs import CODECS, ladder
from lexel.measures.codes import usage
from lexel.measures.coding import Tables
from lexel.measures.pixels import WINDOW, mse, psnr, ssim
from lexel.measures.stability import stability
from lexel.measures.trial import Distance
from lexel.needs import torch
from lexel.pictures.picture import Picture
from lexel.pictures.resize import pillow_bicubic
from lexel.shapes import Array, Float, Num, UInt8
from lexel.towers._backbone import Backbone

EQUAL = 100.0  # dB that stand for equal pictures: a mean has no use for infinity


class Reconstruction:
    """Measures a tokenizer, picture by picture.

    model       any that gives pictures back
    tables      of an entropy coder, instead of those that the model comes with
    distances   measures of your own between a picture and what is kept of it, such as `LPIPS`
    encoder     whose vectors of all pictures and of all that is kept of them are compared: "FD (name)"

        measured = Reconstruction(lexel.load("lexel/photo-fsq"))
        rows = measured.rows(lexel.read("photos/"))
        measured.metrics(rows)          # {"PSNR": 27.1, "SSIM": 0.78, "bits_per_pixel": 0.21, …}
    """

    def __init__(
        self,
        model: Autoencoder,
        *,
        tables: Tables | None = None,
        distances: Sequence[Distance] = (),
        encoder: Backbone | None = None,
    ) -> None:
        self.model, self.distances, self.encoder = model, tuple(distances), encoder
        own = model.tables if isinstance(model, Discrete) else None
        self.tables = tables or own
        if self.tables is not None and not isinstance(model, Discrete):
            raise BadArguments("has no codes, which tables are for", subject=model.name)
        self._names: list[str] = []
        self._codes: list[Num[Array, "N *Q"]] = []
        self._vectors: list[Float[Array, "2 D"]] = []

    def rows(self, pictures: Iterable[Picture]) -> Float[Array, "n M"]:
        """A row of numbers for each picture, in float64. What they are is for `metrics` to say."""
        rows = [self._row(picture) for picture in pictures]
        self._names = list(dict.fromkeys(name for row in rows for name in row))
        return np.array([[row.get(name, np.nan) for name in self._names] for row in rows], np.float64)

    def metrics(self, rows: Float[Array, "n M"]) -> dict[str, float]:
        """Over all pictures, by name. Those that no picture has are left out."""
        columns = dict(zip(self._names, rows.T, strict=True))
        pixels = columns.pop("pixels")
        found: dict[str, float] = {}
        for name, column in columns.items():
            there = column[~np.isnan(column)]
            if name.endswith("bits_per_pixel"):  # of all pictures together; a row holds bits
                found[name] = float(column.sum() / pixels.sum())
            elif there.size:
                found[name] = float(there.mean())
        if self.encoder is not None and len(self._vectors) > 1:
            before, after = np.stack(self._vectors, axis=1)
            found[f"FD ({self.encoder.name})"] = frechet_distance(before, after)
        return found | self._use()

    def _row(self, picture: Picture) -> dict[str, float]:
        """The numbers of one picture; under names of bits a pixel its bits."""
        tokens = self.model.tokenize([picture])
        [back] = self.model.detokenize(tokens)
        size = picture.pixels.shape[0], picture.pixels.shape[1]
        kept = pillow_bicubic(back.pixels, size)
        row = {"pixels": float(size[0] * size[1]), **_likeness(picture.pixels, kept)}
        row |= {distance.name: distance(picture.pixels, kept) for distance in self.distances}
        if self.encoder is not None:
            pair = (picture, Picture(kept, picture.name, size, ""))
            self._vectors.append(features(self.encoder, pair))
        rate = bits(tokens)
        row["bits_per_pixel"] = float(rate)
        if isinstance(self.model, Discrete):
            self._codes.append(tokens.data)
            found = stability(self.model, picture, distance=self._distance)
            for name, change in found.items():
                row[f"flips_{name}"] = change.flips
                row[f"PSNR_{name}"] = min(change.psnr, EQUAL)
                if change.distance is not None:
                    row[f"distance_{name}"] = change.distance
        if self.tables is not None:
            rate = sum(8 * len(self.tables.encode(grid)) for grid in tokens.grids())
            row["coded_bits_per_pixel"] = float(rate)
        for codec in CODECS:
            coded = ladder(picture.pixels, codec)(rate)
            row |= {f"{codec}_{name}": x for name, x in _likeness(picture.pixels, coded.pixels(size)).items()}
            row |= {f"{codec}_bits_per_pixel": float(coded.bits)}
            row |= {f"{codec}_header_bits_per_pixel": 8.0 * coded.header}
        return row

    def _use(self) -> dict[str, float]:
        """How the codes of all pictures use each codebook; the number of codes beside it, because few promise much."""
        if not self._codes:
            return {}
        codes = np.concatenate(self._codes)
        found = {"codes": float(len(codes))}
        books = usage(codes, self.model.space.codebook)
        for number, book in enumerate(books, 1):
            of = f"_{number}" if len(books) > 1 else ""
            found |= {f"entropy{of}": book.entropy, f"perplexity{of}": book.perplexity, f"used{of}": book.used}
        return found

    def _distance(self, a: Num[Array, "n *Q"], b: Num[Array, "n *Q"]) -> Float[Array, "n"]:
        """Between the vectors of codes, Euclidean."""
        assert isinstance(self.model, Discrete)
        with torch.inference_mode():
            device = next(self.model.parameters()).device
            vectors = [
                self.model.image.quantizer.decode(torch.tensor(x.astype(np.int64), device=device)) for x in (a, b)
            ]
            far: Array = (vectors[0] - vectors[1]).norm(dim=1).double().cpu().numpy()
            return far


def _likeness(a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> dict[str, float]:
    likeness = {"PSNR": min(psnr(mse(a, b)), EQUAL)}
    return likeness | ({"SSIM": ssim(a, b)} if min(a.shape[:2]) >= WINDOW else {})
