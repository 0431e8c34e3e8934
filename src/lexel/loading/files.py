"""What lies in a checkpoint: JSON within bounds, tensors that are read when asked for, and nothing that runs.

    config.json                     the architecture; open_clip_config.json of OpenCLIP
    preprocessor_config.json        how pictures are prepared
    model.safetensors               all tensors, or …
    model.safetensors.index.json    … which file holds which: shards, all of them in the same folder
    open_clip_model.safetensors     of OpenCLIP; diffusion_pytorch_model.safetensors of diffusers

A pickle (`.bin`, `.pt`, `.pkl`, …) is a program: opening it runs it. It is refused by name, whatever is in it.
Messages say the file as the caller named it, never where it lies on this machine.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from safetensors import SafetensorError, safe_open

from lexel.errors import LoadError, UnknownLayout, UnsafeFile

if TYPE_CHECKING:
    from lexel.needs import torch

    JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
else:
    JSON = object  # what checks shapes in tests cannot follow a type into itself

INDEX = ".index.json"
CONFIGS = ("config.json", "open_clip_config.json")
DIFFUSERS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
WEIGHTS = ("model.safetensors", "open_clip_model.safetensors", *DIFFUSERS)  # the first that is there counts

JSON_SIZE = 64 << 20  # bytes; the index of the largest published model has 3 MB
LARGEST = 1 << 24  # of a number in a config: wider than any vocabulary
HASHED = 1 << 16  # bytes hashed of each tensor


@dataclass(frozen=True)
class Fields:
    """The fields of one JSON object, each checked as it is read."""

    values: Mapping[str, JSON]
    subject: str

    @classmethod
    def read(cls, path: Path, subject: str) -> "Fields":
        """The object in a JSON file. Raises `LoadError` for a file that is none."""
        try:
            if path.stat().st_size > JSON_SIZE:
                raise LoadError("too large for a file of settings", subject=subject)
            values = json.loads(path.read_bytes())
        except OSError as error:
            raise LoadError(error.strerror or "cannot be read", subject=subject) from error
        except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested without end
            raise LoadError("is not sound JSON", subject=subject) from error
        if not isinstance(values, dict):
            raise LoadError("holds no JSON object", subject=subject)
        return cls(values, subject)

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def table(self, name: str) -> "Fields":
        """An object inside; empty where there is none."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise self._wrong(name, "an object")
        return Fields(value, self.subject)

    def text(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def count(self, name: str, default: int) -> int:
        """A whole number from 1 to 16 million."""
        value = self.values.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
            raise self._wrong(name, f"a whole number of 1…{LARGEST:,}")
        return value

    def number(self, name: str, default: float) -> float:
        """Any number, finite."""
        value = self.values.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e30:
            raise self._wrong(name, "a number")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def size(self, name: str, default: int) -> tuple[int, int]:
        """(height, width) from one number, from two, or from an object with both."""
        value = self.values.get(name, default)
        if isinstance(value, dict):
            inside = Fields(value, self.subject)
            return inside.count("height", default), inside.count("width", default)
        sides = value if isinstance(value, list) and len(value) == 2 else [value, value]
        height, width = (Fields({name: side}, self.subject).count(name, default) for side in sides)
        return height, width

    def three(self, name: str, default: tuple[float, float, float]) -> tuple[float, float, float]:
        """Three numbers, one a channel; a single number stands for all."""
        value = self.values.get(name, list(default))
        channels = value if isinstance(value, list) else [value] * 3
        if len(channels) != 3:
            raise self._wrong(name, "three numbers")
        red, green, blue = (Fields({name: channel}, self.subject).number(name, 0.0) for channel in channels)
        return red, green, blue

    def _wrong(self, name: str, expected: str) -> LoadError:
        found = json.dumps(self.values.get(name))
        return LoadError(f"{name} is {found[:60]}, expected {expected}", subject=self.subject)


@dataclass(frozen=True)
class Checkpoint:
    """The files of one model: a folder, and what the caller calls it.

    file     the weights where the caller named them; else found by the published names
    """

    folder: Path
    name: str
    file: Path | None = None

    @classmethod
    def of(cls, path: Path, name: str) -> "Checkpoint":
        """The checkpoint at `path`: a folder, or one safetensors file. Raises `LoadError` and `UnsafeFile`."""
        if path.is_dir():
            return cls(path, name)
        if path.suffix == ".safetensors" and path.is_file():
            return cls(path.parent, str(Path(name).parent), path)
        raise _refused(path, name)

    def said(self, file: str) -> str:
        """A file of this checkpoint as messages name it."""
        return f"{self.name.rstrip('/')}/{file}"

    def fields(self, file: str) -> Fields | None:
        """The settings in a JSON file; None where the checkpoint does not have it."""
        path = self.folder / file
        return Fields.read(path, self.said(file)) if path.is_file() else None

    def weights(self) -> list[tuple[Path, str]]:
        """The files that hold the tensors, each with the name that messages give it.

        Raises `UnsafeFile` where there are only pickles, or shards outside the folder; `LoadError` where is nothing.
        """
        if self.file:
            return [(self.file, self.said(self.file.name))]
        for name in WEIGHTS:
            if (self.folder / name).is_file():
                return [(self.folder / name, self.said(name))]
            if index := self.fields(name + INDEX):
                return [(self.folder / shard, self.said(shard)) for shard in _shards(index)]
        pickles = sorted(path for path in self.folder.glob("*") if path.suffix in PICKLES)
        if pickles:
            raise _refused(pickles[0], self.said(pickles[0].name))
        raise LoadError(f"has neither {' nor '.join(WEIGHTS)}", subject=self.name)


@dataclass(frozen=True)
class Entry:
    """One tensor: its file, the file's name in messages, its key there, its shape, its dtype as the file says it."""

    path: Path
    subject: str
    key: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Tensors:
    """Every tensor of a checkpoint by name. Shapes come from the headers; data are read when asked for."""

    entries: Mapping[str, Entry]

    @classmethod
    def of(cls, files: Sequence[tuple[Path, str]]) -> "Tensors":
        """What the headers of these files say. Raises `LoadError` for a file that is not sound, and for no tensors."""
        entries: dict[str, Entry] = {}
        for path, subject in files:
            with _opened(path, subject) as file:
                for key in file.keys():  # noqa: SIM118  it is no dict
                    name = key.removeprefix("module.")  # what training on several devices puts before every name
                    if name in entries:
                        raise LoadError(f"{key} is in {entries[name].subject} too", subject=subject)
                    stored = file.get_slice(key)
                    entries[name] = Entry(path, subject, key, tuple(stored.get_shape()), stored.get_dtype())
        if not entries:
            raise LoadError("holds no tensor", subject=files[0][1])
        return cls(entries)

    def under(self, prefix: str) -> "Tensors":
        """The same tensors with `prefix` before every name."""
        return Tensors({prefix + name: entry for name, entry in self.entries.items()})

    def without(self, prefix: str) -> "Tensors":
        """The same tensors, those whose names begin with `prefix` without it."""
        return Tensors({name.removeprefix(prefix): entry for name, entry in self.entries.items()})

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: entry.shape for name, entry in self.entries.items()}

    @property
    def dtype(self) -> str:
        """The dtype of most numbers: "float32", "bfloat16" or "float16"; float32 for any other."""
        numbers = Counter[str]()
        for entry in self.entries.values():
            numbers[entry.dtype] += math.prod(entry.shape)
        return {"BF16": "bfloat16", "F16": "float16"}.get(numbers.most_common(1)[0][0], "float32")

    @property
    def first(self) -> str:
        """The first key as a message says it: `model.safetensors begins with 'a.b'`."""
        entry = next(iter(self.entries.values()))
        return f"{entry.subject} begins with {entry.key[:80]!r}"

    def read(self, names: Collection[str]) -> "Iterator[tuple[str, torch.Tensor]]":
        """These tensors as stored, file by file. Nothing is copied: each lies in its mapped file while it is used."""
        for path, subject in self._files:
            with _opened(path, subject) as file:
                for name in names:
                    if self.entries[name].path == path:
                        yield name, file.get_tensor(self.entries[name].key)

    @cached_property
    def digest(self) -> str:
        """What makes two checkpoints the same: BLAKE2b-128 of the headers and of 64 KB at each tensor's start."""
        digest = hashlib.blake2b(digest_size=16)
        for path, _ in self._files:
            with open(path, "rb") as file:
                header = file.read(int.from_bytes(file.read(8), "little"))
                digest.update(header)
                spans = [tensor["data_offsets"] for key, tensor in json.loads(header).items() if key != "__metadata__"]
                for start, end in sorted(spans):
                    file.seek(8 + len(header) + start)
                    digest.update(file.read(min(HASHED, end - start)))
        return digest.hexdigest()

    @property
    def _files(self) -> list[tuple[Path, str]]:
        return list(dict.fromkeys((entry.path, entry.subject) for entry in self.entries.values()))


PICKLES = {".bin", ".ckpt", ".joblib", ".metadata", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"}


def _refused(path: Path, name: str) -> LoadError:
    """Why a file that is not safetensors is not opened."""
    if not path.exists():
        return LoadError("is not there", subject=name)
    if not path.is_file():
        return LoadError("is no regular file", subject=name)
    if path.suffix in PICKLES:
        return UnsafeFile(
            "may hold a pickle, which runs whatever it says when it is opened",
            subject=name,
            hint="lexel models add reads tensors alone from an old file and keeps them as safetensors",
        )
    return UnknownLayout("is no checkpoint: a folder or a .safetensors file is", subject=name)


def _opened(path: Path, subject: str) -> "safe_open":
    try:
        if not path.is_file():
            raise LoadError("is not there", subject=subject)
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        why = str(error).removeprefix("Error while deserializing header: ")[:100]
        raise LoadError(f"is not sound safetensors: {why}", subject=subject) from error


def _shards(index: Fields) -> list[str]:
    """The file names in an index, each once."""
    names = sorted({str(shard) for shard in index.table("weight_map").values.values()})
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise UnsafeFile(f"names a shard outside its folder: {name[:60]}", subject=index.subject)
    if not names:
        raise LoadError("names no shard", subject=index.subject)
    return names
