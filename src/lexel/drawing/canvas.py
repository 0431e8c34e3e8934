"""The picture under a drawing: reduced or enlarged, with tokens painted on it in their colours."""

import numpy as np

from lexel.drawing.marks import Drawing, Fill, Mark, Raster, areas
from lexel.drawing.tiles import Tiles
from lexel.pictures.picture import Picture
from lexel.pictures.resize import fit, pillow_box
from lexel.shapes import Array, Int, UInt8

LONGEST = 1600  # pixels: the longest side of a drawing, unless the caller asks for another
SMALL = 1024  # pictures of half of this or less are enlarged by a whole factor, up to it


class Canvas:
    """The picture as it is drawn: reduced, or enlarged by a whole factor.

    shown    (height, width) of the reduced picture; of one that is enlarged its own
    size     (height, width) of the drawing
    pixels   uint8 `[*shown, 3]`
    """

    def __init__(self, picture: Picture, longest: int) -> None:
        native = picture.pixels.shape[0], picture.pixels.shape[1]
        self.shown = fit(native, longest)
        self.scale = max(1, min(SMALL, longest) // max(self.shown))
        self.size = self.shown[0] * self.scale, self.shown[1] * self.scale
        self.pixels = pillow_box(picture.pixels, self.shown)

    def raster(self, pixels: UInt8[Array, "h w 3"]) -> Raster:
        """Other pixels over the whole drawing."""
        return Raster(pixels, (0, 0, self.size[1], self.size[0]))

    def drawing(self, *marks: Mark, pixels: UInt8[Array, "h w 3"] | None = None) -> Drawing:
        """Marks on the picture, or on other pixels."""
        return Drawing(*self.size, (self.raster(self.pixels if pixels is None else pixels), *marks))

    def means(self, labels: Int[Array, "H W"], count: int) -> UInt8[Array, "M 3"]:
        """The mean colour of the pixels of each label; labels of −1 are nobody's."""
        pixels = self.pixels.repeat(self.scale, axis=0).repeat(self.scale, axis=1)[labels >= 0]
        labels = labels[labels >= 0]
        area = np.maximum(np.bincount(labels, minlength=count), 1)
        sums = [np.bincount(labels, pixels[:, channel], minlength=count) for channel in range(3)]
        means: Array = np.rint(np.stack(sums, axis=1) / area[:, None]).astype(np.uint8)
        return means


def filled(tiles: Tiles, colours: UInt8[Array, "N 3"], opacity: float) -> Fill:
    """Tokens in their colours, the largest tile first, so that a small one can be seen on a large one."""
    order = np.argsort(-areas(tiles.boxes), kind="stable")
    return Fill(tiles.boxes[order], colours[tiles.token[order]], opacity)
