"""The rules of `Tokens`, one function a field. A message says what was expected and what came."""

from typing import TYPE_CHECKING

import numpy as np

from lexel.errors import TokensError
from lexel.shapes import Array

if TYPE_CHECKING:
    from lexel.tokens.value import Tokens


def check(tokens: "Tokens") -> None:
    """Check every field; raises `TokensError` at the first that breaks its rule."""
    check_splits(tokens)
    check_pictures(tokens)
    count = int(tokens.splits[-1])
    check_data(tokens, count)
    check_boxes(tokens, count)
    check_small(tokens, count)
    check_columns(tokens, count)


def check_splits(tokens: "Tokens") -> None:
    """int64, from 0, never falling."""
    splits = tokens.splits
    _expect(splits, "splits", np.int64, (len(tokens.pictures) + 1,))
    if splits[0] != 0 or (np.diff(splits) < 0).any():
        raise TokensError("splits: expected to rise from 0")


def check_pictures(tokens: "Tokens") -> None:
    """A name, a size and a digest a picture; a finite view, a grid and perhaps a map a crop."""
    table = tokens.pictures
    pictures, crops = len(table.names), len(table.views)
    _expect(table.sizes, "pictures.sizes", np.int64, (pictures, 2))
    _expect(table.crops, "pictures.crops", np.int64, (pictures + 1,))
    _expect(table.views, "pictures.views", np.float64, (crops, 4))
    _expect(table.grids, "pictures.grids", np.int64, (crops, 2))
    if len(table.digests) != pictures:
        raise TokensError(f"pictures.digests: expected {pictures}, got {len(table.digests)}")
    if table.crops[0] != 0 or table.crops[-1] != crops or (np.diff(table.crops) < 0).any():
        raise TokensError(f"pictures.crops: expected to rise from 0 to {crops}")
    if (table.sizes < 1).any():
        raise TokensError("pictures.sizes: expected at least 1 pixel a side")
    if not np.isfinite(table.views).all() or (table.views[:, 2:] <= table.views[:, :2]).any():
        raise TokensError("pictures.views: expected finite x0 < x1, y0 < y1")
    if (table.grids < 0).any():
        raise TokensError("pictures.grids: expected rows and columns from 0")
    if len(table.maps) != crops:
        raise TokensError(f"pictures.maps: expected {crops}, got {len(table.maps)}")
    owner = np.repeat(np.arange(pictures), np.diff(table.crops))
    for label_map, tokens_of in zip(table.maps, np.diff(tokens.splits)[owner], strict=True):
        if label_map is not None and (fault := label_map.fault(int(tokens_of))):
            raise TokensError(f"pictures.maps: {fault}")


def check_data(tokens: "Tokens", count: int) -> None:
    """Finite vectors of the space's width, or codes inside their codebooks."""
    data, space = tokens.data, tokens.space
    if space.kind == "vectors":
        if data.dtype != np.uint8 and data.dtype.kind != "f":
            raise TokensError(f"data: vectors are float or uint8, got {data.dtype}")
        if data.shape != (count, space.width):
            raise TokensError(f"data: expected [{count}, {space.width}], got {list(data.shape)}")
        if data.dtype.kind == "f" and not np.isfinite(data).all():
            raise TokensError("data: expected finite numbers")
        return
    if data.dtype.kind not in "iu":
        raise TokensError(f"data: codes are integers, got {data.dtype}")
    books = len(space.codebook)
    if books < 1 or data.shape not in ({(count,), (count, 1)} if books == 1 else {(count, books)}):
        raise TokensError(f"data: expected codes [{count}, {books}], got {list(data.shape)}")
    if count and ((data < 0).any() or (data.reshape(count, books) >= np.array(space.codebook)).any()):
        raise TokensError(f"data: expected codes below {list(space.codebook)}")


def check_boxes(tokens: "Tokens", count: int) -> None:
    """Inside the unit square, with positive area."""
    boxes = tokens.boxes
    _expect(boxes, "boxes", np.float32, (count, 4))
    inside = (boxes >= 0).all() and (boxes <= 1).all()  # NaN is neither
    if not inside or (boxes[:, 2:] <= boxes[:, :2]).any():
        raise TokensError("boxes: expected x0 < x1, y0 < y1 inside the unit square")


def check_small(tokens: "Tokens", count: int) -> None:
    """Kinds that are published, finite masses from 0, levels from 0."""
    _expect(tokens.kind, "kind", np.int8, (count,))
    _expect(tokens.mass, "mass", np.float32, (count,))
    _expect(tokens.level, "level", np.int16, (count,))
    if count and (tokens.kind.min() < 0 or tokens.kind.max() > 6):
        raise TokensError("kind: expected 0 (region) to 6 (word)")
    if not np.isfinite(tokens.mass).all() or (tokens.mass < 0).any():
        raise TokensError("mass: expected finite, from 0")
    if (tokens.level < 0).any():
        raise TokensError("level: expected from 0")


def check_columns(tokens: "Tokens", count: int) -> None:
    """A row a token, finite."""
    for name, column in tokens.columns.items():
        if not isinstance(column, np.ndarray) or column.ndim < 1 or len(column) != count:
            raise TokensError(f"column {name!r}: expected {count} rows, got {_said(column)}")
        if column.dtype.kind not in "biuf":
            raise TokensError(f"column {name!r}: expected numbers, got {column.dtype}")
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise TokensError(f"column {name!r}: expected finite numbers")


def _expect(array: Array, name: str, dtype: type, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        raise TokensError(f"{name}: expected {np.dtype(dtype)} {list(shape)}, got {_said(array)}")


def _said(array: object) -> str:
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
