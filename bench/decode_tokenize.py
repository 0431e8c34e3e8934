"""Decode and tokenize the pictures in the box, against plain Pillow and NumPy doing the same; and a cold start.

    python bench/decode_tokenize.py [--json FILE]

What lexel adds to the bare calls: sniffing, limits and orientation before the decoder runs, a digest of the bytes,
boxes, and the checks of `Tokens`. The cold start must stay under 0.3 s.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from harness import interleave, report
from numpy.typing import NDArray
from PIL import Image, ImageOps

import lexel
from lexel import box

SIDE = 16


def main() -> None:
    """Check that both ways give the same tokens, then time them."""
    paths = box.pictures()
    patches = lexel.pipeline(f"patch({SIDE})")
    if not np.array_equal(patches(lexel.read(paths)).data, plain(paths)):
        sys.exit("the two ways give different tokens: the comparison means nothing")
    rows = interleave(
        f"decode + patch({SIDE}), {len(paths)} pictures",
        {"Pillow and NumPy": lambda: plain(paths), "lexel": lambda: patches(lexel.read(paths))},
    )
    rows += interleave(
        "cold start",
        {
            "python": lambda: python("pass"),
            "import numpy, PIL": lambda: python("import numpy, PIL.Image"),
            "import lexel": lambda: python("import lexel"),
            "lexel.pipeline": lambda: python(f"import lexel; lexel.pipeline('patch({SIDE})')"),
            "lexel --help": lambda: python(
                "import sys; from lexel.cli.app import main; sys.argv = ['lexel', '--help']; main()"
            ),
        },
    )
    report(rows)


def plain(paths: list[Path]) -> NDArray[np.uint8]:
    """What a person would write by hand: upright RGB, padded by its last pixels, cut into squares."""
    tokens = []
    for path in paths:
        with Image.open(path) as image:
            pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        height, width, _ = pixels.shape
        pixels = np.pad(pixels, ((0, -height % SIDE), (0, -width % SIDE), (0, 0)), mode="edge")
        h, w = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
        tokens.append(pixels.reshape(h, SIDE, w, SIDE, 3).transpose(0, 2, 1, 3, 4).reshape(h * w, -1))
    return np.concatenate(tokens)


def python(code: str) -> None:
    """A fresh interpreter that may keep byte code, as an installed package has it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    main()
