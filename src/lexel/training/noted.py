"""Pairs that remember which of their pictures could not be read, for the account at the end."""

from dataclasses import replace

from lexel.errors import LexelError
from lexel.pictures.picture import Picture, Refusal
from lexel.training.data import Pairs


class Noted:
    """The same pairs. `failures` are those that failed so far, each once; any thread may ask."""

    def __init__(self, data: Pairs) -> None:
        self._data = data
        self._failed: dict[int, Refusal] = {}

    @property
    def name(self) -> str:
        """Where they come from."""
        return self._data.name

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """What is there and is no pair."""
        return self._data.refused

    @property
    def digest(self) -> str:
        """Of all names and captions."""
        return self._data.digest

    @property
    def failures(self) -> list[Refusal]:
        """By their numbers."""
        return [refusal for _, refusal in sorted(self._failed.copy().items())]

    def __len__(self) -> int:
        return len(self._data)

    def key(self, index: int) -> str:
        """The name of a pair."""
        return self._data.key(index)

    def captions(self, index: int) -> tuple[str, ...]:
        """As written."""
        return self._data.captions(index)

    def picture(self, index: int) -> Picture:
        """Decoded now. Raises `PictureError` that names it, and notes it."""
        try:
            return self._data.picture(index)
        except LexelError as error:
            self._failed[index] = replace(Refusal.of(error, ""), name=self.key(index))
            raise
