"""lexel, the tokenizer toolkit for images.

    pictures = lexel.read("photos/")
    tokens = lexel.pipeline("patch(16) | tome(r=98)")(pictures)

The public names stand in the stub beside this file, sorted, and nowhere else. They are imported when first used, so
that `import lexel` itself costs nothing.
"""

import importlib
import re
from functools import cache
from pathlib import Path

__version__ = "0.1.0"


@cache
def _names() -> dict[str, str]:
    """Public name → module, read from the stub."""
    stub = Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    return {name: module for module, name in re.findall(r"^from (\S+) import \w+ as (\w+)$", stub, re.MULTILINE)}


def __getattr__(name: str) -> object:
    module = _names().get(name)
    if module is None:
        raise AttributeError(f"lexel has no {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_names(), "__version__"])
