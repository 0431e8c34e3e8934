"""`lexel new`: a folder with one TOML file, in which every line says what it does.

    lexel new clip mymodel ─► mymodel/mymodel.toml      runs as it is, on mymodel/pictures/

The templates lie beside this file, whole and ready to read: what a run does stands there and nowhere else.
"""

import json
import os
from pathlib import Path

from lexel.carets import nearest
from lexel.disk import commit_bytes
from lexel.errors import BadArguments, UnknownName

TASKS = ("clip", "siglip", "mae", "tokenizer", "finetune")
TEMPLATES = Path(__file__).with_name("templates")
SOURCE, START = "pictures", "openai/clip-vit-base-patch32"  # what the templates say of data and model
QUANTIZER, DOWN = "fsq(8, 5, 5, 5)", 8
PATHS = (".", "/", "~")  # how names of models begin that are paths


def template(task: str) -> str:
    """The text of a template, as it is written to a new folder."""
    return (TEMPLATES / f"{task}.toml").read_text(encoding="utf-8")


def new(
    task: str,
    folder: Path,
    *,
    source: str | None = None,
    start: str | None = None,
    quantizer: str | None = None,
    down: int | None = None,
) -> Path:
    """Write `folder`/NAME.toml, named after the folder, and return its path.

    source      where the pictures are, seen from here; None: in `folder`/pictures
    start       what fine-tuning starts from, a name or a path seen from here; None: the template's
    quantizer   what makes codes of a tokenizer, as text; None: the template's
    down        pixels of a side of a tokenizer's cell; None: the template's

    Raises `UnknownName` for another task, `BadArguments` where the file is there already or the task has no such
    setting, `OutputError` where it cannot be written.
    """
    if task not in TASKS:
        hint = nearest(task, TASKS) or f"one of {', '.join(TASKS)}"
        raise UnknownName(f"{task!r} is nothing that can be learned", hint=hint)
    if start is not None and task != "finetune":
        raise BadArguments(f"{task} starts from nothing", hint=f"lexel new finetune {folder} --model {start}")
    if (quantizer, down) != (None, None) and task != "tokenizer":
        raise BadArguments(f"{task} has no codes", hint=f"lexel new tokenizer {folder}")
    path = folder / f"{folder.resolve().name}.toml"
    if path.exists():
        raise BadArguments("is there already", subject=str(path), hint="edit it, or take another name")
    text = template(task)
    if source is not None:
        text = _instead(text, SOURCE, source if source.startswith("hf:") else _seen_from(folder, source))
    if start is not None:
        text = _instead(text, START, _seen_from(folder, start, mark="./") if start.startswith(PATHS) else start)
    if quantizer is not None:
        text = _instead(text, QUANTIZER, quantizer)
    if down is not None:
        text = text.replace(f"down = {DOWN} ", f"down = {down} ", 1)
    commit_bytes(path, text.encode())
    return path


def _seen_from(folder: Path, path: str, *, mark: str = "") -> str:
    """A path seen from here, seen from `folder`, so that the two can be moved together. An absolute one stays.

    _seen_from(Path("runs/a"), "photos")  →  "../../photos"
    """
    here = Path(path).expanduser()
    return str(here) if here.is_absolute() else mark + Path(os.path.relpath(here, folder)).as_posix()


def _instead(text: str, said: str, mine: str) -> str:
    """The text with its first string `said` replaced."""
    return text.replace(json.dumps(said), json.dumps(mine, ensure_ascii=False), 1)
