"""One decoded image, and many of them: lazy, re-iterable, without state.

    read("photos/") ─► Pictures ──sources()──► Source   name, bytes or path; nothing decoded
                          │                       │
                          │                  outcome(source), on any thread
                          │                       ▼
                          └──outcomes()──► Picture | Refusal, one for every input, in input order

Whoever wants to decode on threads walks `sources()` on one thread and calls `outcome` on others; `outcomes()` is the
same on one thread, and iterating is `outcomes()` without the refusals.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from lexel import errors
from lexel.errors import LexelError
from lexel.shapes import Array, UInt8


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded image: RGB, upright, within limits.

    pixels    uint8 `[H, W, 3]`, 0–255, C-contiguous, read-only
    name      as accounting prints it: the argument as typed, `/`, the path inside it; archive members after `!`
    size      (height, width) of the upright original; differs from `pixels` only after shrink-on-load
    digest    BLAKE2b-128 of the encoded bytes (of shape and pixels for arrays), 32 hex digits
    frame     index in its file, 0 for stills
    seconds   time in its video, 0.0 for stills
    """

    pixels: UInt8[Array, "H W 3"] = field(repr=False)
    name: str
    size: tuple[int, int]
    digest: str
    frame: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Source:
    """One input that nothing has decoded yet.

    A server or a command that holds bytes of its own gives them their name with it: `read(Source("-", data))`.
    """

    name: str
    content: Path | bytes | Image | NDArray[np.generic] | Picture = field(repr=False)


@dataclass(frozen=True)
class Refusal:
    """One input that did not become a picture: a line of the accounting.

    status    "failed", or "skipped" for what is no picture at all
    error     class name from `lexel.errors`; of a skipped one a name from `runs.account.SKIPPED`
    reason    a sentence for people, without paths of this machine
    hint      what to do, often empty
    """

    name: str
    status: Literal["failed", "skipped"]
    error: str
    reason: str
    hint: str = ""

    @classmethod
    def of(cls, error: LexelError, name: str = "") -> "Refusal":
        """The failed line for `error`; `name` counts where the error does not say what it is about."""
        return cls(error.subject or name, "failed", type(error).__name__, error.reason, error.hint)

    def exception(self) -> LexelError:
        """The error again, to be raised."""
        kind: type[LexelError] = getattr(errors, self.error)
        return kind(self.reason, subject=self.name, hint=self.hint)


@dataclass(frozen=True)
class Pictures:
    """Many pictures, decoded one by one as they are asked for; `lexel.read` makes it.

    Iterating yields each `Picture` in input order, again from the start every time, and keeps none. With
    `on_error="raise"` the first input that fails raises its error (`PictureError`, `ArchiveError`, `MissingExtra`);
    with `"skip"` it is left out. What is no picture at all (a README beside the photos) is left out in both.

        for picture in lexel.read("photos/"):
            picture.pixels.shape                 # (3024, 4032, 3)
    """

    walk: Callable[[], Iterator[Source | Refusal]]
    decode: Callable[[Source], Picture]
    identify: Callable[[], str]
    count: Callable[[], int | None]
    on_error: Literal["raise", "skip"] = "raise"

    def __iter__(self) -> Iterator[Picture]:
        for outcome in self.outcomes():
            if isinstance(outcome, Picture):
                yield outcome
            elif outcome.status == "failed" and self.on_error == "raise":
                raise outcome.exception()

    def sources(self) -> Iterator[Source | Refusal]:
        """Every input in order, not decoded. Folders are walked and archives read as the caller goes on.

        The bytes of archive members are read here, on the caller's thread; plain files are opened by `outcome`.
        """
        return self.walk()

    def outcome(self, source: Source) -> Picture | Refusal:
        """Decode one source. Never raises for a bad picture; safe on any thread."""
        try:
            return self.decode(source)
        except LexelError as error:
            return Refusal.of(error, source.name)

    def outcomes(self) -> Iterator[Picture | Refusal]:
        """One `Picture` or `Refusal` for every input, in input order; never raises for a bad one."""
        for source in self.sources():
            yield source if isinstance(source, Refusal) else self.outcome(source)

    def fingerprint(self) -> str:
        """32 hex digits that change when the inputs do, without decoding or opening any file.

        A file counts by name, size and modification time (an archive is one file), bytes and arrays by content; how
        they are read (colour, limits, shrink-on-load) counts too. Two equal fingerprints are the same job.
        """
        return self.identify()

    def expected(self) -> int | None:
        """How many inputs there will be, where that is known without opening one: None where there are archives."""
        return self.count()
