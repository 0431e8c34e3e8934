"""Colours that say the same to everybody: readers with any colour vision, on light pages and on dark ones.

    names   the eight of Okabe and Ito without black: apart under protanopia, deuteranopia and tritanopia
            Okabe & Ito 2008, "Color Universal Design"; all but yellow have some contrast on white and on black
    heat    viridis: rises evenly in lightness, so that it also reads in grey
            Smith & van der Walt 2015, matplotlib (CC0), every 17th of its 256 colours

A colour never stands alone: marks have shapes, legends and labels too.
"""

import numpy as np

from lexel.shapes import Array, Float, Int, UInt8

NAMES = np.array(  # in the order in which levels and series take them
    [
        (0x00, 0x72, 0xB2),  # blue
        (0xE6, 0x9F, 0x00),  # orange
        (0x00, 0x9E, 0x73),  # green
        (0xCC, 0x79, 0xA7),  # purple
        (0x56, 0xB4, 0xE9),  # sky
        (0xD5, 0x5E, 0x00),  # vermilion
        (0xF0, 0xE4, 0x42),  # yellow
    ],
    np.uint8,
)

VIRIDIS = np.array(
    [
        *((0x44, 0x01, 0x54), (0x48, 0x1A, 0x6C), (0x47, 0x2F, 0x7D), (0x41, 0x44, 0x87)),
        *((0x39, 0x56, 0x8C), (0x31, 0x68, 0x8E), (0x2A, 0x78, 0x8E), (0x23, 0x88, 0x8E)),
        *((0x1F, 0x98, 0x8B), (0x22, 0xA8, 0x84), (0x35, 0xB7, 0x79), (0x54, 0xC5, 0x68)),
        *((0x7A, 0xD1, 0x51), (0xA5, 0xDB, 0x36), (0xD2, 0xE2, 0x1B), (0xFD, 0xE7, 0x25)),
    ],
    np.float64,
)


def names(index: Int[Array, "N"]) -> UInt8[Array, "N 3"]:
    """A colour for each name, class or level, by its number; the seven begin again at 7."""
    colour: Array = NAMES[index % len(NAMES)]
    return colour


def heat(value: Float[Array, "*shape"]) -> UInt8[Array, "*shape 3"]:
    """A colour for each value of 0…1, from dark violet to bright yellow; values outside count as the nearest end."""
    place = np.clip(value, 0, 1) * (len(VIRIDIS) - 1)
    below = np.minimum(place.astype(np.int64), len(VIRIDIS) - 2)
    part = (place - below)[..., None]
    colour: Array = np.rint(VIRIDIS[below] * (1 - part) + VIRIDIS[below + 1] * part).astype(np.uint8)
    return colour


def css(colour: tuple[int, int, int]) -> str:
    """`#0072b2`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
