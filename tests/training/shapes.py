"""A folder of drawn pictures with captions, and settings of runs over it that take a second."""

import json
import re
from pathlib import Path

from PIL import Image, ImageDraw

from lexel.training.recipes import new

COLORS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (240, 210, 40)}
SHAPES = ("circle", "square", "bar", "frame")
KINDS = [(color, shape, ground) for color in COLORS for shape in SHAPES for ground in COLORS if color != ground]
TINY = {
    "size": 32,
    "patch_size": 8,
    "width": 32,
    "depth": 1,
    "heads": 2,
    "vocab_size": 560,
    "length": 24,
    "held_out": 8.0,
    "batch": 16,
    "chunk": 0,
    "epochs": 6.0,
    "learning_rate": 3e-3,
    "measures": 3,
    "save_every": 4,
}


def draw(folder: Path) -> Path:
    """48 colored shapes on grounds, each with two captions; beside them one that is cut, and one without a caption."""
    folder.mkdir()
    for color, shape, ground in KINDS:
        picture = Image.new("RGB", (40, 40), COLORS[ground])
        pen = ImageDraw.Draw(picture)
        box = (8, 16, 32, 24) if shape == "bar" else (8, 8, 32, 32)
        if shape == "frame":
            pen.rectangle(box, outline=COLORS[color], width=4)
        else:
            (pen.ellipse if shape == "circle" else pen.rectangle)(box, fill=COLORS[color])
        name = folder / f"{color}-{shape}-{ground}"
        picture.save(name.with_suffix(".png"))
        name.with_suffix(".txt").write_text(f"a {color} {shape} on {ground}\n{shape}, {color}, {ground}\n")
    whole = (folder / "red-bar-blue.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[:-20])
    (folder / "cut.txt").write_text("a picture that is cut\n")
    (folder / "alone.png").write_bytes(whole)
    return folder


def begin(task: str, folder: Path, pictures: Path, *, start: str | None = None, **settings: object) -> Path:
    """A new run on `pictures` with settings of a tiny model, and those that are said; answers its folder."""
    file = new(task, folder, source=str(pictures), start=start)
    change(file, **{**TINY, **settings})
    return folder


def change(file: Path, **settings: object) -> None:
    """Put other values into a file, wherever settings of that name are."""
    text = file.read_text(encoding="utf-8")
    for name, value in settings.items():
        text = re.sub(rf"^{name} = [^#\n]*", f"{name} = {json.dumps(value)} ", text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")


def told(folder: Path) -> list[dict[str, object]]:
    """What the log tells, without times."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: json.loads(line).get(key) for key in ("step", "loss", "measures")} for line in lines]
