"""Checkpoints of a run: a folder a step, there whole or not at all, and the newest whole one counts.

    run/
      step-00001200/
        model.safetensors  optimizer.safetensors  ema.safetensors  best.safetensors
        state.json                                             facts, and size and digest of each file beside it
      step-00001400/
      newest                                                   "step-00001400", written last

A folder is renamed into place when all of it is on the disk, so a killed run leaves whole steps; the pointer says which
was the last. It is not believed alone: a disk that lost a block, or somebody who copied half a folder, makes a step
that is not whole, and the one before counts.
"""

import hashlib
import json
import re
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lexel.disk import commit_bytes, commit_folder, sweep
from lexel.needs import torch

NAME = re.compile(r"step-(\d{8,})")
STATE, NEWEST = "state.json", "newest"
WORTH = ("best", "ema", "model")  # parts of weights; the first that is there counts

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """One step that is whole.

    folder   where it lies
    step     updates that were made
    facts    what was said of it when it was saved
    """

    folder: Path
    step: int
    facts: dict[str, object]

    def tensors(self, part: str) -> dict[str, torch.Tensor]:
        """The tensors of one part, such as "model", on the CPU."""
        from safetensors.torch import load_file

        loaded: dict[str, torch.Tensor] = load_file(self.folder / f"{part}.safetensors")
        return loaded

    def weights(self) -> dict[str, torch.Tensor]:
        """What the run is for: the weights that were measured best, else their average, else the last ones."""
        return self.tensors(next(part for part in WORTH if (self.folder / f"{part}.safetensors").is_file()))


def save(run: Path, step: int, parts: Mapping[str, Tensors], facts: Mapping[str, object], *, keep: int) -> Checkpoint:
    """Write one step, then the pointer, then remove all but the newest `keep` (0: none is removed).

    parts   tensors by the name of their part; no two may share memory
    facts   JSON

    A step that is there already and whole stays as it is. Raises `OutputError` when the disk is full; what was
    committed stays.
    """
    from safetensors.torch import save_file

    folder = run / f"step-{step:08d}"
    sweep(folder, run / NEWEST)
    if folder.exists() and not isinstance(_read(folder), Checkpoint):
        shutil.rmtree(folder)
    if not folder.exists():
        with commit_folder(folder) as temporary:
            for part, tensors in parts.items():
                own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
                save_file(own, temporary / f"{part}.safetensors")
            files = {path.name: _seal(path) for path in sorted(temporary.iterdir())}
            text = json.dumps({"step": step, "facts": facts, "files": files}, indent=2, sort_keys=True)
            (temporary / STATE).write_text(text + "\n", encoding="utf-8")
    commit_bytes(run / NEWEST, f"{folder.name}\n".encode())
    for old in _steps(run)[keep:] if keep else []:
        shutil.rmtree(old, ignore_errors=True)
    return Checkpoint(folder, step, dict(facts))


def newest(run: Path) -> Checkpoint | None:
    """The newest step that is whole; None where there is none. Warns of those newer ones that are not."""
    pointed = run / NEWEST
    said = pointed.read_text(encoding="ascii", errors="replace").strip() if pointed.is_file() else ""
    for folder in _steps(run):
        found = _read(folder)
        if isinstance(found, Checkpoint):
            return found
        warnings.warn(f"{folder.name}{' (the newest)' * (folder.name == said)} is passed over: {found}", stacklevel=2)
    return None


def _steps(run: Path) -> list[Path]:
    """The folders of steps, the newest first."""
    found = [(int(match[1]), path) for path in run.glob("step-*") if (match := NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]


def _read(folder: Path) -> Checkpoint | str:
    """What a folder holds, or why it is not whole."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        step, facts, files = state["step"], state["facts"], state["files"]
        for name, sealed in files.items():
            if _seal(folder / name) != sealed:
                return f"{name} is not what was written"
        return Checkpoint(folder, int(step), facts)
    except OSError as error:
        return f"{Path(error.filename or STATE).name} cannot be read"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{STATE} is not sound"


def _seal(path: Path) -> dict[str, int | str]:
    """Size and BLAKE2b-128 of a file."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return {"size": path.stat().st_size, "blake2b": digest}
