"""Tokens on disk: one safetensors file, the same bytes for the same tokens.

    tensors     data  splits  [boxes] [kind] [mass] [level]  column.NAME …  [map.label map.length]
    metadata    one key, "lexel": canonical JSON of pictures, space, recipe, format number

Left out and put back on reading: boxes that views and grids imply, kinds that are all regions, masses that are all
1, levels that are all 0. They are 22 bytes a token beside 2 bytes of a code. There is one metadata key, because the
format does not order its keys: with two, equal tokens have different bytes in different processes.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lexel.disk import commit
from lexel.errors import LexelError, OutputError, TokensError
from lexel.shapes import Array
from lexel.tokens.labels import LabelMap
from lexel.tokens.meaning import PictureTable, Space, implied_boxes
from lexel.tokens.value import Tokens

FORMAT = 1  # readers refuse a newer number by name
KEY = "lexel"
DEFAULTS = {"kind": np.int8(0), "mass": np.float32(1), "level": np.int16(0)}
MAPS = ("map.label", "map.length")  # the runs of all maps, end to end
TENSORS = {"data", "splits", "boxes", *DEFAULTS, *MAPS}


def save(tokens: Tokens, path: str | os.PathLike[str]) -> None:
    """Write `tokens` to `path`, atomically. Raises `OutputError` when the disk does not take it."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with commit(path) as temporary:
        try:
            save_file(tensors(tokens), temporary, metadata={KEY: header(tokens)})
        except SafetensorError as error:  # what the disk said stands in its text alone
            why = str(error).removeprefix("Error while serializing: I/O error: ").partition(" (os error")[0]
            raise OutputError(why, subject=str(path)) from error


def load(path: str | os.PathLike[str]) -> Tokens:
    """Read tokens; every rule of `Tokens` is checked. Raises `TokensError` that names the file."""
    from safetensors import safe_open

    if not Path(path).is_file():
        raise TokensError("there is no such file", subject=str(path))
    with _whole(str(path)), safe_open(path, framework="numpy") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
        return assemble(stored, (file.metadata() or {}).get(KEY))


def dumps(tokens: Tokens) -> bytes:
    """The bytes that `save` writes, for a pipe."""
    from safetensors.numpy import save as serialize

    return serialize(tensors(tokens), metadata={KEY: header(tokens)})


def loads(data: bytes, *, name: str = "-") -> Tokens:
    """Read the bytes of `dumps`. Raises `TokensError` that says `name`."""
    from safetensors.numpy import load as deserialize

    with _whole(name):
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
        return assemble(deserialize(data), metadata.get(KEY))


@contextlib.contextmanager
def _whole(subject: str) -> Iterator[None]:
    """Whatever a broken file makes the readers raise is a `TokensError` about it."""
    from safetensors import SafetensorError

    try:
        yield
    except LexelError as error:
        raise error.about(subject) from None
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise TokensError(f"not a whole tokens file ({type(error).__name__})", subject=subject) from error


def tensors(tokens: Tokens) -> dict[str, Array]:
    """What is stored, by name, after the omission rule."""
    stored = {"data": tokens.data, "splits": tokens.splits}
    for name, default in DEFAULTS.items():
        if (getattr(tokens, name) != default).any():
            stored[name] = getattr(tokens, name)
    implied = implied_boxes(tokens.pictures, tokens.kind, tokens.splits)
    if implied is None or implied.tobytes() != tokens.boxes.tobytes():
        stored["boxes"] = tokens.boxes
    stored |= {f"column.{name}": column for name, column in tokens.columns.items()}
    if maps := [label_map for label_map in tokens.pictures.maps if label_map]:
        stored["map.label"] = _narrow(np.concatenate([label_map.label for label_map in maps]))
        stored["map.length"] = _narrow(np.concatenate([label_map.length for label_map in maps]))
    return {name: np.ascontiguousarray(x) for name, x in stored.items()}


def header(tokens: Tokens) -> str:
    """The metadata as canonical JSON: sorted keys, no spaces, ASCII. Floats are written to their last bit."""
    table, space = tokens.pictures, tokens.space
    maps = [[m.height, m.width, len(m.label)] if m else None for m in table.maps]
    return json.dumps(
        {
            "lexel.tokens": FORMAT,
            "pictures": {
                "names": table.names,
                "sizes": table.sizes.tolist(),
                "digests": table.digests,
                "crops": table.crops.tolist(),
                "views": table.views.tolist(),
                "grids": table.grids.tolist(),
                **({"maps": maps} if any(maps) else {}),
            },
            "space": {
                "kind": space.kind,
                "width": space.width,
                "codebook": space.codebook,
                "digest": space.digest,
                "name": space.name,
            },
            "recipe": tokens.recipe,
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )


def assemble(stored: dict[str, Array], text: str | None) -> Tokens:
    """Tokens from stored tensors and metadata, with what was left out put back. Raises `TokensError` and, for
    metadata of another form, `KeyError`, `TypeError`, `ValueError`.
    """
    if text is None:
        raise TokensError("a safetensors file, but not one of tokens")
    meta = json.loads(text)
    if meta["lexel.tokens"] != FORMAT:
        raise TokensError(f"tokens of format {meta['lexel.tokens']!r}; this lexel reads format {FORMAT}")
    unknown = [name for name in stored if name not in TENSORS and not name.startswith("column.")]
    if unknown:
        raise TokensError(f"unknown tensor {sorted(unknown)[0]!r}")
    said, table = meta["space"], meta["pictures"]
    pictures = PictureTable(
        names=tuple(map(str, table["names"])),
        sizes=np.array(table["sizes"], np.int64).reshape(-1, 2),
        digests=tuple(map(str, table["digests"])),
        crops=np.array(table["crops"], np.int64),
        views=np.array(table["views"], np.float64).reshape(-1, 4),
        grids=np.array(table["grids"], np.int64).reshape(-1, 2),
        maps=_maps(table.get("maps", []), stored),
    )
    if said["kind"] not in ("vectors", "codes"):
        raise TokensError(f"unknown kind of space {said['kind']!r}")
    splits = stored["splits"]
    count = len(stored["data"])
    if splits.dtype != np.int64 or splits.shape != (len(pictures.names) + 1,) or splits[-1] != count:
        raise TokensError(f"splits: expected int64 [{len(pictures.names) + 1}] ending in {count}")
    small = {name: stored.get(name, np.full(count, default)) for name, default in DEFAULTS.items()}
    return Tokens(
        data=stored["data"],
        boxes=stored["boxes"] if "boxes" in stored else _implied(pictures, small["kind"], splits),
        **small,
        splits=splits,
        pictures=pictures,
        space=Space(said["kind"], int(said["width"]), tuple(said["codebook"]), said["digest"], said["name"]),
        columns={name.removeprefix("column."): x for name, x in stored.items() if name.startswith("column.")},
        recipe=str(meta["recipe"]),
    )


def _narrow(x: Array) -> Array:
    """The same integers in the smallest type that holds them: runs are most of the file of superpixels."""
    return x.astype(np.promote_types(np.min_scalar_type(x.min()), np.min_scalar_type(x.max())))


def _maps(shapes: list[list[int] | None], stored: dict[str, Array]) -> tuple[LabelMap | None, ...]:
    label, length = (stored.get(name, np.zeros(0, np.int32)) for name in MAPS)
    runs = [0 if shape is None else shape[2] for shape in shapes]
    numbers = all(x.dtype.kind in "iu" and x.ndim == 1 for x in (label, length))
    if not numbers or min(runs, default=0) < 0 or {len(label), len(length)} != {sum(runs)}:
        raise TokensError(f"maps: expected {sum(runs)} labels and lengths, whole numbers")
    label, length = label.astype(np.int32), length.astype(np.int32)
    maps: list[LabelMap | None] = []
    for shape, run, end in zip(shapes, runs, np.cumsum(runs), strict=True):
        part = slice(end - run, end)
        maps.append(LabelMap(int(shape[0]), int(shape[1]), label[part], length[part]) if shape else None)
    return tuple(maps)


def _implied(pictures: PictureTable, kind: Array, splits: Array) -> Array:
    crops = pictures.crops
    if crops[0] != 0 or crops[-1] != len(pictures.views) or (np.diff(crops) < 1).any() or (np.diff(splits) < 0).any():
        raise TokensError("boxes are left out, but crops and splits do not rise")
    if (pictures.grids > len(kind)).any():
        raise TokensError("boxes are left out, but the grids hold more cells than there are tokens")
    boxes = implied_boxes(pictures, kind, splits)
    if boxes is None:
        raise TokensError("boxes are left out, but the tokens do not lie on their grids")
    return boxes
