"""The pictures in the box: eight free photographs for the demo, the tests and the first minute.

    astronaut.jpg  portrait             coffee.jpg   still life, stored lying on its side
    brick.jpg      texture, grey        hubble.jpg   dark space
    camera.png     flat sky, grey       retina.jpg   round on black
    chelsea.png    a cat                text.png     handwriting, grey

Who made them, under which licence, and what was changed stands in `LICENCES.md` beside them. This room holds data:
its two functions are all the code there is.
"""

from pathlib import Path

FOLDER = Path(__file__).parent  # wheels are installed unpacked, so that a picture is always a file


def pictures() -> list[Path]:
    """The paths of all pictures in the box, sorted by name."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in {".jpg", ".png"})


def path(name: str) -> Path:
    """The path of one picture by its name without suffix. Raises `KeyError` for a name that is not in the box.

    path("astronaut")  →  …/lexel/box/astronaut.jpg
    """
    return {picture.stem: picture for picture in pictures()}[name]
