"""Tokens as Arrow tables: parquet files and Hugging Face datasets, for what reads those. A row a picture.

    name     height  width  digest  views        grids     data                boxes             kind        …
    cat.jpg     300    451  89ab…   [[0, 0, …]]  [[19,29]] [[12, 7, …], …]     [[0, 0, …], …]    [0, 0, …]

Nothing is left out and nothing is rounded: what comes back equals what went in, byte for byte. What has no place in a
row (the space, the recipe, widths) is one JSON text in the metadata of the schema. Needs the extra [data].
"""

import json
import os
from typing import TYPE_CHECKING, Any, TypedDict, cast

import numpy as np

from lexel.disk import commit
from lexel.errors import LexelError, TokensError
from lexel.shapes import Array
from lexel.tokens.files import FORMAT, KEY
from lexel.tokens.labels import LabelMap
from lexel.tokens.meaning import PictureTable, Space
from lexel.tokens.value import ROWS, Tokens

if TYPE_CHECKING:
    from datasets import Dataset
    from pyarrow import Array as Column
    from pyarrow import Table

CROPS = {"views": ("float64", (4,)), "grids": ("int64", (2,))}  # a row a crop


def save(tokens: Tokens, path: str | os.PathLike[str]) -> None:
    """Write a `.parquet` file, atomically. Raises `MissingExtra`, `OutputError`."""
    from lexel.needs import pyarrow

    table = to_arrow(tokens)
    with commit(path) as temporary:
        pyarrow.parquet.write_table(table, temporary)


def load(path: str | os.PathLike[str]) -> Tokens:
    """Read what `save` wrote; every rule of `Tokens` is checked. Raises `MissingExtra`, `TokensError`."""
    from lexel.needs import pyarrow

    try:
        return from_arrow(pyarrow.parquet.read_table(path))
    except LexelError as error:
        raise error.about(str(path)) from None
    except (pyarrow.ArrowException, OSError) as error:
        raise TokensError(f"not a whole parquet file ({type(error).__name__})", subject=str(path)) from error


def to_dataset(tokens: Tokens) -> "Dataset":
    """A Hugging Face dataset, a row a picture."""
    from lexel.needs import datasets

    table = to_arrow(tokens)
    info = datasets.DatasetInfo(
        description=table.schema.metadata[KEY.encode()].decode()
    )  # it keeps no metadata of Arrow
    dataset: Dataset = datasets.Dataset(datasets.table.InMemoryTable(table), info=info)
    return dataset


def from_dataset(dataset: "Dataset") -> Tokens:
    """Tokens from what `to_dataset` made, also after it was selected, filtered or shuffled."""
    table = dataset.with_format("arrow")[:]
    return from_arrow(table.replace_schema_metadata({KEY: dataset.info.description}))


def to_arrow(tokens: Tokens) -> "Table":
    """The table that the head of this file shows."""
    from lexel.needs import pyarrow

    table = tokens.pictures
    columns: dict[str, Column] = {
        "name": pyarrow.array([_text(name) for name in table.names], pyarrow.string()),
        "height": pyarrow.array(table.sizes[:, 0]),
        "width": pyarrow.array(table.sizes[:, 1]),
        "digest": pyarrow.array(table.digests, pyarrow.string()),
        "views": _lists(table.views, table.crops),
        "grids": _lists(table.grids, table.crops),
    }
    columns |= {name: _lists(getattr(tokens, name), tokens.splits) for name in ROWS}
    columns |= {f"column.{name}": _lists(x, tokens.splits) for name, x in tokens.columns.items()}
    if any(table.maps):
        maps = [table.maps[a:b] for a, b in zip(table.crops[:-1], table.crops[1:], strict=True)]
        columns["maps"] = pyarrow.array([[_map(m) for m in crops] for crops in maps])
    rows = {name: getattr(tokens, name) for name in ROWS} | {f"column.{n}": x for n, x in tokens.columns.items()}
    note = {
        "lexel.tokens": FORMAT,
        "recipe": tokens.recipe,
        "space": vars(tokens.space),
        "rows": {name: [x.dtype.name, list(x.shape[1:])] for name, x in rows.items()},
    }
    return pyarrow.table(columns).replace_schema_metadata({KEY: json.dumps(note, sort_keys=True)})


def from_arrow(table: "Table") -> Tokens:
    """Tokens from such a table. Raises `TokensError` for another one."""
    note = _note(table)
    try:
        stored = {name: _rows(table, name, dtype, tuple(shape)) for name, (dtype, shape) in note["rows"].items()}
        views, grids = (_rows(table, name, dtype, shape) for name, (dtype, shape) in CROPS.items())
        said = note["space"]
        pictures = PictureTable(
            names=tuple(map(_name, table["name"].to_pylist())),
            sizes=np.stack([table["height"].to_numpy(), table["width"].to_numpy()], axis=1).astype(np.int64),
            digests=tuple(table["digest"].to_pylist()),
            crops=views[1],
            views=views[0],
            grids=grids[0],
            maps=_maps(table) if "maps" in table.column_names else (),
        )
        return Tokens(
            **{name: stored[name][0] for name in ROWS},
            splits=stored["data"][1],
            pictures=pictures,
            space=Space(said["kind"], said["width"], tuple(said["codebook"]), said["digest"], said["name"]),
            columns={n.removeprefix("column."): x for n, (x, _) in stored.items() if n.startswith("column.")},
            recipe=note["recipe"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TokensError(f"a table, but not one of whole tokens ({type(error).__name__})") from error


class _Note(TypedDict):
    """What has no place in a row: the recipe, the fields of the space, dtype and shape of each column."""

    recipe: str
    space: dict[str, Any]
    rows: dict[str, tuple[str, list[int]]]


def _note(table: "Table") -> _Note:
    try:
        note = json.loads(table.schema.metadata[KEY.encode()])
        version = note["lexel.tokens"]
    except (KeyError, TypeError, ValueError):
        raise TokensError("a table, but not one of tokens") from None
    if version != FORMAT:
        raise TokensError(f"tokens of format {version!r}; this lexel reads format {FORMAT}")
    return cast(_Note, note)


def _lists(x: Array, splits: Array) -> "Column":
    """Packed rows as a list for each picture; a row of several numbers is a list of fixed size."""
    from lexel.needs import pyarrow

    values = pyarrow.array(np.ascontiguousarray(x).reshape(-1))
    if x.ndim > 1:
        width = int(np.prod(x.shape[1:]))
        values = pyarrow.FixedSizeListArray.from_arrays(values, width) if width else pyarrow.nulls(len(x))
    return pyarrow.LargeListArray.from_arrays(pyarrow.array(splits), values)


def _rows(table: "Table", name: str, dtype: str, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """(packed rows, splits) of a column of lists."""
    lists = table[name].combine_chunks()
    counts = np.array([0 if n is None else n for n in lists.value_lengths().to_pylist()], np.int64)
    splits = np.concatenate(([0], np.cumsum(counts)))
    values = lists.flatten()
    if shape and np.prod(shape):
        values = values.flatten()
    if not np.prod(shape):
        return np.zeros((int(splits[-1]), *shape), dtype), splits
    return np.array(values.to_numpy(zero_copy_only=False), dtype).reshape(-1, *shape), splits


def _map(label_map: LabelMap | None) -> dict[str, object] | None:
    return None if label_map is None else {**vars(label_map), "label": label_map.label, "length": label_map.length}


def _maps(table: "Table") -> tuple[LabelMap | None, ...]:
    return tuple(
        m and LabelMap(m["height"], m["width"], np.array(m["label"], np.int32), np.array(m["length"], np.int32))
        for crops in table["maps"].to_pylist()
        for m in crops
    )


def _text(name: str) -> str:
    """Arrow texts are UTF-8; a name with bytes that are not is escaped, and marked by a NUL that no name has."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "\0" + json.dumps(name)
    return name


def _name(text: str) -> str:
    return str(json.loads(text[1:])) if text.startswith("\0") else text
