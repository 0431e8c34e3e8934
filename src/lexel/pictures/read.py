"""`lexel.read`: anything → `Pictures`. The only way from bytes to pixels, for every part of lexel.

read(…) ─► sources.walk   what there is, in order         (folders, globs, archives)
        └► decode.decode  one source → one Picture        (header → limits → decoder → upright RGB)
"""

import functools
import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Literal

from lexel.errors import BadArguments, LexelError
from lexel.pictures.archives import SUFFIXES as ARCHIVES
from lexel.pictures.convert import Color
from lexel.pictures.decode import decode
from lexel.pictures.header import DEFAULT_LIMITS, Limits
from lexel.pictures.picture import Picture, Pictures, Refusal, Source
from lexel.pictures.sources import Found, Readable, find, suffix, walk


def read(
    source: Readable,
    *more: Readable,
    on_error: Literal["raise", "skip"] = "raise",
    color: Color = "encoded",
    limits: Limits = DEFAULT_LIMITS,
    shrink: int | None = None,
) -> Pictures:
    """Pictures from files, folders, globs, tars, zips, bytes, PIL images, arrays, or any iterable of these.

    Nothing is opened before the result is iterated. A string is a file or folder of that name, else a glob. Arrays are
    `[H, W]`, `[H, W, 3]` or `[H, W, 4]` of uint8, uint16 or bool. An iterator is drained here, because pictures may be
    read more than once; a list is kept as it is.

    on_error    "raise" the first error while iterating, or "skip" bad inputs; `Pictures.outcomes` tells all either way
    color       "encoded": values as stored; "srgb": embedded colour profiles are applied
    limits      what is refused before it is decoded
    shrink      the longest side wanted: JPEGs are decoded at 1/2, 1/4 or 1/8 while that is still twice as large

    Raises `BadArguments` for a setting or a type that it does not know; while iterating, errors of the inputs.

        [p.size for p in lexel.read("photos/")]          # [(3024, 4032), (480, 640)]
    """
    if on_error not in ("raise", "skip"):
        raise BadArguments(f'on_error is "raise" or "skip", not {on_error!r}')
    if color not in ("encoded", "srgb"):
        raise BadArguments(f'color is "encoded" or "srgb", not {color!r}')
    if shrink is not None and shrink < 1:
        raise BadArguments(f"shrink is a side in pixels, not {shrink}")
    items = tuple(_drained(item) for item in (source, *more))
    decoder = functools.partial(decode, limits=limits, color=color, shrink=shrink)
    return Pictures(
        functools.partial(walk, items, limits),
        decoder,
        functools.partial(_fingerprint, items, decoder, repr((color, limits, shrink))),
        functools.partial(_expected, items),
        on_error,
    )


def _drained(item: Readable) -> Readable:
    return tuple(item) if isinstance(item, Iterator) and not isinstance(item, io.IOBase) else item


def _expected(items: tuple[Readable, ...]) -> int | None:
    names = [found.name for found in find(items)]
    return None if any(suffix(name) in ARCHIVES for name in names) else len(names)


def _fingerprint(items: tuple[Readable, ...], decoder: Callable[[Source], Picture], settings: str) -> str:
    digest = hashlib.blake2b(settings.encode(), digest_size=16)
    for found in find(items):
        digest.update(repr(_identity(found, decoder)).encode())
    return digest.hexdigest()


def _identity(found: Found | Source | Refusal, decoder: Callable[[Source], Picture]) -> tuple[str | int, ...]:
    if isinstance(found, Refusal):
        return found.name, found.error
    if isinstance(found, Found):
        try:
            status = found.path.stat()
        except OSError:
            return (found.name,)
        return found.name, status.st_size, status.st_mtime_ns
    if isinstance(found.content, bytes):
        return found.name, hashlib.blake2b(found.content, digest_size=16).hexdigest()
    try:
        return found.name, decoder(found).digest
    except LexelError as error:
        return found.name, type(error).__name__
