"""Measure the shipped photo vocabularies on photographs that they never saw, beside JPEG, WebP and k-means.

    python recipes/photo/evaluate.py result.json

The photographs are the two of scikit-learn, 640 × 427 pixels. Streams are really written and read again; what is
measured is what comes out of them. JPEG and WebP are the best quality that needs at most 0.16 bits a pixel, once with
every byte counted and once without headers and tables, marked where even quality 1 needs more; and the best of as many
bits, headers not counted, of a picture that was made smaller where nothing else helps.
k-means names each block of 8 × 8 by one of 1,024 learned from the same photographs.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import sklearn.datasets
import torch
from pictures import photographs

import lexel
from lexel.autoencoders._discrete import Discrete
from lexel.measures.codecs import CODECS, Codec, encode, ladder
from lexel.measures.pixels import mse, psnr, ssim
from lexel.partitions.kmeans import KMeans
from lexel.shapes import Array, UInt8

NAMES = ("photo-fsq", "photo-vq", "photo-vae")
HELD_OUT = ("china.jpg", "flower.jpg")
BUDGET = 0.16  # bits a pixel


def main() -> None:
    """All of it, into one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path)
    said = parser.parse_args()
    torch.set_num_threads(1)
    pictures = {name: np.ascontiguousarray(sklearn.datasets.load_sample_image(name)) for name in HELD_OUT}
    peers = {name: baselines(pixels) for name, pixels in pictures.items()}
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {model: {} for model in NAMES}
    for model in NAMES:
        for name, pixels in pictures.items():
            own = ours(model, pixels)
            found[model][name] = {model: own} | alike(pixels, own["bits a pixel"]) | peers[name]
    said.result.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def ours(name: str, pixels: UInt8[Array, "H W 3"]) -> dict[str, float]:
    """A shipped vocabulary, through its stream where it has codes."""
    model = lexel.load(f"lexel/{name}")
    tokens = model.tokenize(lexel.read([pixels]))
    [raster] = tokens.grids()
    if not isinstance(model, Discrete):
        return scores(pixels, model.detokenize(tokens)[0].pixels, bits=8.0 * raster.astype(np.float16).nbytes)
    stream = model.tables.encode(raster)
    back = tokens.with_(data=model.tables.decode(stream).reshape(-1).astype(tokens.data.dtype))
    return scores(pixels, model.detokenize(back)[0].pixels, bits=8.0 * len(stream))


def baselines(pixels: UInt8[Array, "H W 3"]) -> dict[str, dict[str, float]]:
    """Codecs within the budget, and blocks by k-means."""
    found = {}
    for codec in CODECS:
        for headers in (True, False):
            name = codec if headers else f"{codec}, without headers"
            found[name] = within(pixels, codec, headers=headers)
    learned = lexel.read(list({id(one): one for one in photographs()}.values()))
    with TemporaryDirectory() as folder:
        blocks = KMeans.fit(learned, Path(folder) / "codebook.safetensors", patch_size=8, codebook_size=1024)
    tokens = blocks.tokenize(lexel.read([pixels]))
    found["k-means"] = scores(pixels, blocks.detokenize(tokens)[0].pixels, bits=10.0 * len(tokens.data))
    return found


def alike(pixels: UInt8[Array, "H W 3"], rate: float) -> dict[str, dict[str, float]]:
    """Codecs at as many bits, headers not counted; of a smaller copy where quality 1 needs more."""
    found = {}
    for codec in CODECS:
        coded = ladder(pixels, codec)(int(rate * pixels[..., 0].size))
        found[f"{codec} at as many bits"] = scores(pixels, coded.pixels(pixels.shape[:2]), bits=float(coded.bits))
    return found


def within(pixels: UInt8[Array, "H W 3"], codec: Codec, *, headers: bool) -> dict[str, float]:
    """The best quality within the budget, or quality 1."""
    tried = [encode(pixels, codec, quality) for quality in range(1, 41)]
    sizes = [8 * len(one.data) if headers else one.bits for one in tried]
    fitting = [i for i, size in enumerate(sizes) if size <= BUDGET * pixels[..., 0].size]
    best = max(fitting, default=0)
    return scores(pixels, tried[best].pixels(pixels.shape[:2]), bits=float(sizes[best])) | {"quality": best + 1}


def scores(wanted: UInt8[Array, "H W 3"], found: UInt8[Array, "H W 3"], *, bits: float) -> dict[str, float]:
    """What counts."""
    error = mse(wanted, found)
    return {"bits a pixel": bits / wanted[..., 0].size, "PSNR": psnr(error), "SSIM": ssim(wanted, found)}


if __name__ == "__main__":
    main()
