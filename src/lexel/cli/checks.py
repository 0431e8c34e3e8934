"""What `doctor` looks at: what is installed, where lexel keeps things, and whether it still computes the same.

Each check is a line: a name, one of four states, a sentence.

    ok       as it should be
    absent   an extra or a codec that is not there; the sentence says what it would add
    note     nothing is wrong, and it is good to know
    failed   lexel does not work here as it should
"""

import hashlib
import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lexel import __version__, box
from lexel.needs import present
from lexel.pipelines.compose import pipeline
from lexel.pipelines.registry import methods
from lexel.plugins import plugins
from lexel.settings import Settings

REQUIRED = ("numpy", "Pillow", "platformdirs", "rich", "safetensors", "typer")
CODECS = {"jpg": "JPEG", "zlib": "PNG", "webp": "WebP", "avif": "AVIF", "libtiff": "compressed TIFF"}
NEEDED_CODECS = ("jpg", "zlib")
EXTRAS = {
    "data": ("pyarrow", "parquet and datasets"),
    "heic": ("pillow_heif", "pictures of iPhones (HEIC)"),
    "torch": ("torch", "models: CLIP, OpenCLIP, SigLIP"),
    "train": ("pydantic", "runs of training"),
}

# BLAKE2b-128 of the data and boxes of `quadtree(8, 64)` of the box picture camera.png: PNG, so that no decoder rounds.
KNOWN = "17c9723b8c693dd1d79bc3ede06e00b7"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    state: Literal["ok", "absent", "note", "failed"]
    said: str


def checks(settings: Settings) -> list[Check]:
    """Every check, in the order of the report."""
    return [
        Check("lexel", "ok", f"{__version__}, Python {platform.python_version()}"),
        *map(_package, REQUIRED),
        *map(_codec, CODECS),
        *map(_extra, EXTRAS),
        *_torchvision(),
        _home(settings.home),
        *_plugins(settings),
        _same_tokens(),
    ]


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, "failed", f"not installed: pip install {name}")


def _codec(name: str) -> Check:
    from PIL import features

    if features.check(name):
        return Check(CODECS[name], "ok", "Pillow reads it")
    return Check(CODECS[name], "failed" if name in NEEDED_CODECS else "absent", "this Pillow was built without it")


def _extra(name: str) -> Check:
    module, adds = EXTRAS[name]
    if present(module):
        return Check(f"[{name}]", "ok", f"{adds}; {module} is there")
    return Check(f"[{name}]", "absent", f'would add {adds}: pip install "lexel[{name}]"')


def _torchvision() -> list[Check]:
    """Say that torchvision is there, and whether it fits torch; it is found by its metadata and never imported."""
    if not present("torchvision"):
        return []
    trouble = _misfit()
    said = f"is there and cannot be used: {trouble}. " if trouble else "is there. "
    return [Check("torchvision", "note", said + "lexel does without it")]


def _misfit() -> str:
    try:
        wanted = importlib.metadata.requires("torchvision") or []
        built = importlib.metadata.version("torchvision").partition("+")[2]
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError as error:
        return f"{error.name} is not installed"
    release, _, local = torch.partition("+")
    pinned = [text.partition("==")[2] for text in wanted if text.replace(" ", "").startswith("torch==")]
    if pinned and pinned[0].strip() != release:
        return f"it was built for torch {pinned[0].strip()}, and torch {torch} is installed"
    if built != local:
        return f"it was built for {built or 'CUDA'}, and torch {torch} is installed"
    return ""


def _home(home: Path) -> Check:
    folder = next(path for path in (home, *home.parents) if path.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return Check("LEXEL_HOME", "failed", f"{home} cannot be written")
    return Check("LEXEL_HOME", "ok", str(home) if home.exists() else f"{home}, made when it is needed")


def _plugins(settings: Settings) -> list[Check]:
    if not settings.plugins:
        return [Check("plug-ins", "note", "turned off by LEXEL_PLUGINS=0")]
    own = {method.name for method in methods() if method.fields}
    lines = []
    for name, point in sorted(plugins().items()):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.module
        hidden = "; lexel's own method of that name wins" if name in own else ""
        lines.append(Check(f"plug-in {name}", "note" if hidden else "ok", origin + hidden))
    return lines or [Check("plug-ins", "ok", "none installed")]


def _same_tokens() -> Check:
    """Tokens of a picture in the box are what they were when this was written."""
    digest = fingerprint(box.path("camera"))
    if digest == KNOWN:
        return Check("self-check", "ok", "the tokens of a known picture are what they should be")
    return Check("self-check", "failed", f"the tokens of a known picture changed: {digest}, not {KNOWN}")


def fingerprint(picture: Path) -> str:
    """32 hex digits of the tokens that `quadtree(8, 64)` makes of a picture."""
    tokens = pipeline("quadtree(8, 64)")(picture)
    return hashlib.blake2b(tokens.data.tobytes() + tokens.boxes.tobytes(), digest_size=16).hexdigest()
