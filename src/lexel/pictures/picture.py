"""One decoded image, and many of them: lazy, re-iterable, without state."""

from dataclasses import dataclass

from lexel.shapes import Array, UInt8


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded image: RGB, upright, within limits.

    pixels    uint8 `[H, W, 3]`, 0–255, read-only
    name      as accounting prints it: the argument as typed, `/`, the path inside it; archive members after `!`
    size      (height, width) of the upright original; differs from `pixels` only after shrink-on-load
    digest    BLAKE2b-128 of the encoded bytes (of shape and pixels for arrays), 32 hex digits
    frame     index in its file, 0 for stills
    seconds   time in its video, 0.0 for stills
    """

    pixels: UInt8[Array, "H W 3"]
    name: str
    size: tuple[int, int]
    digest: str
    frame: int = 0
    seconds: float = 0.0
