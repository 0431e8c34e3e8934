"""The one spelling of everything that may be absent: `from lexel.needs import torch`.

This is the only file that imports torch and the other extras. A missing one becomes `MissingExtra` (exit 4), which
names what to install. Nothing is imported before somebody asks for it by name.
"""

import importlib
import importlib.util
from types import ModuleType
from typing import TYPE_CHECKING

from lexel.errors import MissingExtra

if TYPE_CHECKING:  # the modules whose classes are subclassed here; type checkers must know them
    import pydantic as pydantic
    import torch as torch

# module → the extra of pyproject.toml that brings it
EXTRAS = {
    "torch": "torch",
    "tokenizers": "torch",
    "ftfy": "torch",
    "constriction": "torch",
    "huggingface_hub": "torch",
    "pillow_heif": "heic",
    "pyarrow": "data",
    "datasets": "data",
    "pydantic": "train",
}


ALONG = {"pyarrow": "pyarrow.parquet"}  # a submodule that its parent does not import by itself


def __getattr__(name: str) -> ModuleType:
    if name not in EXTRAS:
        raise AttributeError(f"lexel.needs has no {name!r}: add it to EXTRAS with the extra that brings it")
    try:
        if name in ALONG:
            importlib.import_module(ALONG[name])
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"this needs {name}, which is not installed",
            hint=f'pip install "lexel[{EXTRAS[name]}]"',
        ) from error


def present(name: str) -> bool:
    """Whether `name` can be imported, without importing it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # sys.modules[name] is None
        return False
