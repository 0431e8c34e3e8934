"""Tables of paths and captions: .csv, .tsv and .parquet.

    filepath,title                    path, filepath, image or file_name: seen from the folder of the table
    cats/a.jpg,a cat on a chair       caption, captions, text or title
    cats/a.jpg,"a cat, asleep"        a picture of two captions

Lines of one picture are one pair, so that none of its captions is a counterexample of another. A table is separated by
tabs where its first line has one, else by commas; quotes are those of CSV. A line that cannot be used is refused by its
number: of the line in a file of text, of the row from 1 in parquet.
"""

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lexel.errors import DataError
from lexel.pictures.picture import Refusal
from lexel.pictures.sources import printable, suffix
from lexel.training.rows import CAPTION, Found, Row, captions, skipped

SUFFIXES = (".csv", ".tsv", ".parquet")
PATH = ("path", "filepath", "image", "file_name")  # names of the column of pictures, the first that is there


@dataclass(frozen=True)
class Line:
    """One line of a table; `wrong` says why its fields are not those of the head."""

    number: int
    path: object = None
    said: object = None
    wrong: str = ""


def read(where: str, *, captioned: bool) -> Found:
    """The pairs of a table. Raises `DataError` where it is broken or lacks a column, `MissingExtra` for parquet."""
    folder = where[: len(where) - len(Path(where).name)]
    pictures: dict[str, dict[str, None]] = {}  # path → its captions, each once
    missing: set[str] = set()
    refused: list[Refusal] = []
    for line in _parquet(where, captioned) if suffix(where) == ".parquet" else _text(where, captioned):
        name = f"{printable(where)}:{line.number}"
        said = captions(line.said) if captioned else ()
        path = os.path.normpath(line.path.strip()) if isinstance(line.path, str) and line.path.strip() else ""
        if path and path not in pictures and path not in missing and not Path(folder, path).is_file():
            missing.add(path)
        if line.wrong:
            refused.append(Refusal(name, "failed", "DataError", line.wrong))
        elif not path or path in missing:
            refused.append(skipped(name, "NoPicture", f"no file {printable(path)}" if path else "no path"))
        elif captioned and not said:
            refused.append(skipped(name, "NoCaption", "empty"))
        elif said is not None and path in pictures and all(one in pictures[path] for one in said):
            refused.append(skipped(name, "Duplicate", "a line before says the same"))
        else:
            pictures.setdefault(path, {}).update(dict.fromkeys(said or ()))
    rows = (Row(printable(path), tuple(said), Path(folder, path)) for path, said in pictures.items())
    return Found(tuple(rows), tuple(refused), printable(folder))


def _text(where: str, captioned: bool) -> Iterator[Line]:
    try:
        with open(where, encoding="utf-8-sig", newline="") as file:
            separator = "\t" if "\t" in file.readline() else ","
            file.seek(0)
            lines = csv.reader(file, delimiter=separator, strict=True)
            head = [name.strip() for name in next(lines, [])]
            picture, caption = _columns(head, captioned)
            for fields in lines:
                row = dict(zip(head, fields, strict=False))
                if len(fields) == len(head):
                    yield Line(lines.line_num, row[picture], row.get(caption))
                elif fields:
                    yield Line(lines.line_num, wrong=f"{len(fields)} fields; the head has {len(head)}")
    except csv.Error as error:
        raise DataError(f"line {lines.line_num}: broken: {error}", hint="a quote that is not closed?") from error
    except UnicodeDecodeError as error:
        raise DataError("a table is UTF-8, this is not") from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or type(error).__name__}") from error


def _parquet(where: str, captioned: bool) -> Iterator[Line]:
    from lexel.needs import pyarrow

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(where) as file:
            kinds = {field.name: field.type for field in file.schema_arrow}
            picture, caption = _columns(list(kinds), captioned)
            if not (pyarrow.types.is_string(kinds[picture]) or pyarrow.types.is_large_string(kinds[picture])):
                hint = "a folder of tables with pictures in them is a dataset: hf:FOLDER"
                raise DataError(f"the column {picture} holds {kinds[picture]} and no paths", hint=hint)
            for batch in file.iter_batches(columns=[picture, caption] if caption else [picture]):
                for row in batch.to_pylist():
                    number += 1
                    yield Line(number, row[picture], row.get(caption))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"not a whole parquet file ({type(error).__name__})") from error


def _columns(names: list[str], captioned: bool) -> tuple[str, str]:
    """The columns of pictures and captions; "" for captions that nobody asks for."""
    found = [next((name for name in wanted if name in names), "") for wanted in (PATH, CAPTION)]
    for name, what, wanted in zip(found, ("pictures", "captions"), (PATH, CAPTION), strict=True):
        if not name and (captioned or what == "pictures"):
            has = f"it has {', '.join(names)}" if names else "it is empty"
            raise DataError(f"no column of {what} ({', '.join(wanted)}): {has}")
    return found[0], found[1] if captioned else ""
