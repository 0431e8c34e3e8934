"""Hugging Face datasets: a column of pictures and one of captions. Needs the extra [data].

    hf:org/name    hf:./folder       the split "train" of what `datasets.load_dataset` opens, fetched where it must be
    folder/        folder/train/     what `save_to_disk` wrote

Pictures are of the type `Image` and stay encoded, so that they are read as all others. The column of captions is a text
or a list of texts, and called caption, captions, text or title. Rows are named by their number.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lexel.errors import DataError, Offline, PictureError
from lexel.pictures.sources import printable
from lexel.settings import settings
from lexel.training.rows import CAPTION, Found, Row, captions, skipped

if TYPE_CHECKING:
    from datasets import Dataset

HUB = "hf:"
SPLIT, SPLITS = "train", "dataset_dict.json"


def saved(where: str) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    one = all(Path(where, name).is_file() for name in ("state.json", "dataset_info.json"))
    return one or Path(where, SPLITS).is_file()


def read(where: str, *, captioned: bool) -> Found:
    """The pairs of a dataset. Raises `DataError`, `Offline`, `MissingExtra`."""
    dataset = _opened(where)
    picture, caption = _columns(dataset, captioned)
    said = dataset.select_columns([caption])[:][caption] if captioned else [None] * len(dataset)
    pictures = _Encoded(dataset.select_columns([picture]), picture)
    prefix = f"{printable(where).rstrip('/')}/"
    rows, refused = [], []
    for index, texts in enumerate(said):
        found = captions(texts) if captioned else ()
        if captioned and not found:
            refused.append(skipped(f"{prefix}{index}", "NoCaption", "empty"))
        else:
            rows.append(Row(str(index), found or (), Cell(pictures, index)))
    return Found(tuple(rows), tuple(refused), prefix)


@dataclass(frozen=True, slots=True)
class Cell:
    """The picture of one row of a dataset."""

    pictures: "_Encoded"
    row: int

    def content(self) -> Path | bytes:
        """Its bytes as they are stored, or the file that the dataset names. Raises `PictureError` for an empty cell."""
        match self.pictures[self.row]:
            case {"bytes": bytes(data)}:
                return data
            case {"path": str(path)}:
                return Path(path)
        raise PictureError("no picture in this row")


class _Encoded:
    """A column of pictures, not decoded; any thread may ask."""

    def __init__(self, dataset: "Dataset", name: str) -> None:
        from lexel.needs import datasets

        self._dataset, self._name = dataset.cast_column(name, datasets.Image(decode=False)), name

    def __getitem__(self, row: int) -> object:
        return self._dataset[row][self._name]


def _opened(where: str) -> "Dataset":
    from lexel.needs import datasets

    name = where.removeprefix(HUB)
    if name.startswith((".", "/")) and not Path(name).is_dir():
        raise DataError("no dataset there")
    try:
        found = datasets.load_dataset(name, split=SPLIT) if where.startswith(HUB) else datasets.load_from_disk(where)
    except ConnectionError as error:
        why = "HF_HUB_OFFLINE forbids to fetch it" if settings().offline else "the network is not there"
        raise Offline(f"{name} is not on this machine, and {why}") from error
    except FileNotFoundError as error:
        raise DataError("no whole dataset there") from error
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be opened: {str(error).splitlines()[0]}") from error
    if not isinstance(found, datasets.DatasetDict):
        return found
    if SPLIT not in found and len(found) != 1:
        raise DataError(f"it has the splits {', '.join(found)}: name the folder of one of them")
    return found[SPLIT] if SPLIT in found else next(iter(found.values()))


def _columns(dataset: "Dataset", captioned: bool) -> tuple[str, str]:
    """The columns of pictures and captions; "" for captions that nobody asks for."""
    from lexel.needs import datasets

    pictures = [name for name, kind in dataset.features.items() if isinstance(kind, datasets.Image)]
    texts = [name for name in CAPTION if name in dataset.features] if captioned else [""]
    if not pictures or not texts:
        what = f"captions ({', '.join(CAPTION)})" if pictures else "pictures (of the type Image)"
        raise DataError(f"no column of {what}: it has {', '.join(dataset.features)}")
    return pictures[0], texts[0]
