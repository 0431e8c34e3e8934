"""Remake the pictures in the box from an installed scikit-image.

    python recipes/box.py          writes src/lexel/box/*.jpg and *.png

Another version of Pillow may give other bytes; the pixels of the lossless ones are always the same. What is done to
each picture and where it comes from stands in src/lexel/box/LICENCES.md: change both together.
"""

from pathlib import Path

import skimage.data
from PIL import Image

SOURCE = Path(skimage.data.__file__).parent
BOX = Path(__file__).parent.parent / "src" / "lexel" / "box"
QUALITY = 90
ORIENTATION = 0x0112  # the EXIF tag
TURN_RIGHT = 6  # "turn me 90° clockwise to see me upright"


def main() -> None:
    """Write the eight pictures. Profiles, comments and XMP are dropped; nothing is cropped."""
    jpeg("astronaut", opened("astronaut.png"))
    jpeg("brick", opened("brick.png"))
    png("camera", opened("camera.png"))
    png("chelsea", opened("chelsea.png"))
    sideways("coffee", opened("coffee.png"))
    jpeg("hubble", opened("hubble_deep_field.jpg").resize((500, 436), Image.Resampling.LANCZOS))
    jpeg("retina", opened("retina.jpg").resize((512, 512), Image.Resampling.LANCZOS))
    png("text", opened("text.png"))


def opened(name: str) -> Image.Image:
    """The pixels of a sample of scikit-image, without what is written around them."""
    image = Image.open(SOURCE / name)
    image.load()
    image.info.clear()
    return image


def jpeg(name: str, image: Image.Image) -> None:
    """A baseline JPEG."""
    image.save(BOX / f"{name}.jpg", quality=QUALITY, optimize=True)


def png(name: str, image: Image.Image) -> None:
    """A PNG with the pixels of the sample, unchanged."""
    image.save(BOX / f"{name}.png", optimize=True)


def sideways(name: str, image: Image.Image) -> None:
    """A JPEG as a telephone held upright writes it: lying on its side, with an EXIF tag that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.save(BOX / f"{name}.jpg", quality=QUALITY, optimize=True, exif=exif)


if __name__ == "__main__":
    main()
