"""The pictures of the pairs that a run is measured with, decoded ahead; those that cannot be read are left out."""

from collections.abc import Iterator

from lexel.errors import LexelError
from lexel.pictures.picture import Picture
from lexel.runs.threads import ahead
from lexel.training.data import Pairs


def readable(pairs: Pairs) -> Iterator[tuple[int, Picture]]:
    """Number and picture of each pair whose picture can be read, in their order."""

    def read(index: int) -> tuple[int, Picture] | None:
        try:
            return index, pairs.picture(index)
        except LexelError:
            return None

    for found in ahead(read, range(len(pairs))):
        if found is not None:
            yield found
