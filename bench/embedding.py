"""JPEG files → vectors, end to end, with B/32: 0.3, 2 and 12 megapixels.

    python bench/embedding.py [--only "12 Mpx"] [--json FILE]

`transformers` as its users write it: Pillow opens, the Pillow processor prepares, one thread, then the model takes the
batch. lexel reads as it does by default, which gives the same prepared pixels; and with `shrink=`, which lets the JPEG
decoder leave out what the tower will not see. How far those pixels are off is printed, in levels of 255. The files are
made from photographs of the box, enlarged, with noise like a camera's.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from harness import Row, interleave, report, wanted
from PIL import Image
from towers import agree, pair
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

import lexel
from lexel import box
from lexel.pictures.prepare import Preparation

SIZES = {"0.3 Mpx": (640, 480), "2 Mpx": (1632, 1224), "12 Mpx": (4000, 3000)}
PHOTOGRAPHS = ("astronaut", "coffee", "hubble", "retina")
BATCH, SHRINK = 16, 299  # the longest side of 4 : 3 whose shorter one is 224


def main() -> None:
    """Each size."""
    theirs, ours = pair("B/32")
    processor = CLIPImageProcessorPil()
    rows: list[Row] = []
    for name, size in SIZES.items():
        if not wanted(name):
            continue
        with TemporaryDirectory() as folder:
            paths = photographs(Path(folder), size)
            expected = transformed(paths, processor, theirs)
            unit = torch.nn.functional.normalize(expected)
            for shrink in (None, SHRINK):
                agree(name, torch.from_numpy(ours.embed(lexel.read(paths, shrink=shrink))), unit)
            print(f"{name}: prepared pixels differ by {furthest(paths, ours.preparation)} of 255 with shrink={SHRINK}")
            ways = {
                "transformers": lambda paths=paths: transformed(paths, processor, theirs),
                "lexel": lambda paths=paths: ours.embed(lexel.read(paths)),
                f"lexel, shrink={SHRINK}": lambda paths=paths: ours.embed(lexel.read(paths, shrink=SHRINK)),
            }
            rows += interleave(f"{BATCH} JPEGs of {name}", ways, rounds=3)
    report(rows)


def photographs(folder: Path, size: tuple[int, int]) -> list[str]:
    """JPEG files of `size` (width, height)."""
    random = np.random.default_rng(0)
    for number in range(BATCH):
        with Image.open(box.path(PHOTOGRAPHS[number % len(PHOTOGRAPHS)])) as image:
            pixels = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
        noise = random.integers(-6, 7, pixels.shape, dtype=np.int16)
        Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.jpg", quality=90)
    return [str(path) for path in sorted(folder.iterdir())]


def transformed(
    paths: list[str], processor: CLIPImageProcessorPil, model: CLIPVisionModelWithProjection
) -> torch.Tensor:
    """Vectors of `transformers`."""
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(image.convert("RGB"))
    with torch.inference_mode():
        vectors: torch.Tensor = model(**processor(images, return_tensors="pt")).image_embeds
    return vectors


def furthest(paths: list[str], preparation: Preparation) -> int:
    """The largest difference between prepared pixels with and without `shrink`."""
    full, small = (
        [preparation.pixels(picture)[0].astype(np.int16) for picture in lexel.read(paths, shrink=shrink)]
        for shrink in (None, SHRINK)
    )
    return max(int(np.abs(a - b).max()) for a, b in zip(full, small, strict=True))


if __name__ == "__main__":
    main()
