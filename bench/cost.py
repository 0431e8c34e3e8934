"""Price a folder of 10,000 mixed files: headers only, three models. The bar is 3 s on two cores.

    python bench/cost.py [--json FILE]

The files are small JPEG, PNG, GIF, WebP, BMP and TIFF pictures of the sizes that cameras and screens make; what a
header costs does not depend on what follows it. Beside it: Pillow opening the same files for their size.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from harness import interleave, report
from PIL import Image

from lexel.cli.compare import cost

FILES = 10_000
MODELS = ["qwen2.5-vl", "gpt-4o", "llava-next"]
SIZES = [(640, 480), (1024, 768), (1170, 2532), (1920, 1080), (4032, 3024), (300, 451)]
FORMATS = {"jpg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF"}


def main() -> None:
    """Write the files once, then price them."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        paths = [str(path) for path in Path(folder).iterdir()]
        rows = interleave(
            f"cost of {FILES:,} files, {len(MODELS)} models",
            {"lexel cost": lambda: priced(folder), "Pillow, sizes alone": lambda: sizes(paths)},
            rounds=5,
        )
    report(rows)
    if rows[0].seconds > 3:
        sys.exit(f"{rows[0].seconds:.1f} s: above the bar of 3 s")


def fill(folder: Path) -> None:
    """Each format in each size once, the rest copies of their heads with small bodies."""
    kinds = []
    for suffix, name in FORMATS.items():
        for size in SIZES:
            if name == "BMP" and size[0] * size[1] > 1_000_000:
                continue  # 36 MB each, for a header of 54 bytes
            file = io.BytesIO()
            Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(file, name)
            kinds.append((suffix, file.getvalue()))
    for number in range(FILES):
        suffix, data = kinds[number % len(kinds)]
        (folder / f"{number:05d}.{suffix}").write_bytes(data)


def priced(folder: str) -> None:
    """The command itself, its table thrown away."""
    with contextlib.redirect_stdout(io.StringIO()):
        assert cost([folder], MODELS, None, None) == 0


def sizes(paths: list[str]) -> list[tuple[int, int]]:
    """What a person would write."""
    found = []
    for path in paths:
        with Image.open(path) as image:
            found.append(image.size)
    return found


if __name__ == "__main__":
    main()
