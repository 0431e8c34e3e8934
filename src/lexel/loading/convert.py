"""Old weights → safetensors, only where somebody asks for it by name.

    pytorch_model.bin, ViT-B-32.pt, epoch_32.pt ─► torch.load(weights_only=True) ─► tensors ─► model.safetensors

A pickle is a program. `weights_only=True` runs none of it but what puts tensors into dictionaries and refuses the rest;
that has had holes, which is why `lexel.load` never does it by itself. What comes out is tensors, and is loaded, with
all its checks, like any other checkpoint.
"""

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path

from lexel.disk import commit
from lexel.errors import LoadError, UnsafeFile
from lexel.loading.files import PICKLES, WEIGHTS
from lexel.loading.hub import SMALL
from lexel.needs import torch

NESTED = ("state_dict", "model")  # what training scripts put the tensors under


def convert(source: Path, folder: Path) -> list[Path]:
    """Write the tensors of an old file, or of all old files in a folder, and the settings beside them, to `folder`.

    Returns the files that it wrote. Raises `UnsafeFile` for a file that holds anything but tensors in dictionaries,
    `LoadError` for one without tensors or with a name twice, `OutputError` when the disk is full.
    """
    from safetensors.torch import save_file

    files = [source] if source.is_file() else sorted(p for p in source.glob("*") if p.suffix in PICKLES)
    state: dict[str, torch.Tensor] = {}
    for file in files:
        tensors = _tensors(file)
        if twice := state.keys() & tensors.keys():
            raise LoadError(f"{min(twice)} is in another file too", subject=file.name)
        state |= tensors
    if not state:
        raise LoadError("holds no tensor", subject=source.name)
    written = [folder / WEIGHTS[0]]
    with commit(written[0]) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    for name in SMALL:
        beside = (source.parent if source.is_file() else source) / name
        if beside.is_file():
            written.append(folder / name)
            with commit(folder / name) as temporary:
                shutil.copyfile(beside, temporary)
    return written


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    """The tensors in a pickle by name, each with memory of its own."""
    try:
        with warnings.catch_warnings():  # about protocols that it may not understand: then it says so
            warnings.simplefilter("ignore")
            found: object = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # an unpickler meets whatever a file says: no narrower class covers it
        why = "is a TorchScript archive, a program" if "TorchScript" in str(error) else "holds more than tensors"
        raise UnsafeFile(f"{why}, or is broken; nothing of it was run", subject=file.name) from error
    for name in NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(name), Mapping):
            found = found[name]
    if not isinstance(found, Mapping) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in found.items()
    ):
        raise UnsafeFile("holds more than tensors by name", subject=file.name)
    return {name: value.detach().clone().contiguous() for name, value in found.items()}
