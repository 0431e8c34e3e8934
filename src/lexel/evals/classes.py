"""Labelled pictures as everybody has them: a folder with a folder for each class.

    flowers/
      daisy/a.jpg  daisy/more/b.jpg     ─►  classes ("daisy", "wild_rose"), labels [0, 0, 1]
      wild_rose/c.jpg                       said in a prompt: "wild rose"

Classes are the names of the folders, sorted; ImageNet's folders come in the order of its published labels so.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from lexel.errors import BadArguments
from lexel.evals.reading import Numbered
from lexel.shapes import Array, Int


def classes_of(data: Numbered) -> tuple[str, ...]:
    """The names of the folders, sorted. Raises `BadArguments` for a picture that lies in none."""
    return tuple(sorted({_class(data.key(index)) for index in range(len(data))}))


def labels_of(data: Numbered, classes: Sequence[str]) -> Int[Array, "N"]:
    """The place among `classes` of each picture's folder. Raises `BadArguments` for a folder that is none of them."""
    place = {name: label for label, name in enumerate(classes)}
    labels = np.zeros(len(data), np.int64)
    for index in range(len(data)):
        name = _class(data.key(index))
        if name not in place:
            raise BadArguments(f"is of none of the {len(classes)} classes: there is no {name}", subject=data.key(index))
        labels[index] = place[name]
    return labels


def said(name: str) -> str:
    """A class as a prompt says it: `wild_rose` is "wild rose"."""
    return name.replace("_", " ")


def _class(key: str) -> str:
    folder, *inside = PurePosixPath(key).parts
    if not inside:
        raise BadArguments("lies in no folder of a class", subject=key, hint="folder/CLASS/picture.jpg is what is read")
    return folder
