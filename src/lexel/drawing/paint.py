"""What a tower makes of a picture, painted on it: like tokens in like colours, attention as heat, stage beside stage.

    pca         tokens that are alike to the model have like colours      any vectors, of one picture or of several
    attention   where the class token looks, what is looked at, rollout   tokens with such columns
    stages      the colours of `pca`, stage by stage                      what `Hierarchy.hierarchy` gives

    tokens = model.tokenize([picture], keep=["attention.cls.joined"])
    sheet(attention(tokens, picture))

Each gives views, the picture itself first. Tokens that stand for no region (class, registers) are left out.
"""

from collections.abc import Sequence

import numpy as np

from lexel.drawing import colours
from lexel.drawing.canvas import LONGEST, Canvas, filled
from lexel.drawing.pca import Components
from lexel.drawing.tiles import Tiles
from lexel.drawing.views import Ramp, Traced, View, original
from lexel.errors import BadArguments
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, UInt8
from lexel.tokens.meaning import Kind
from lexel.tokens.value import Tokens

MANY = 640  # pixels: the longest side of a drawing that is one of many
ENDS = (1, 99)  # percentiles that are the ends of heat: attention has sinks that would leave all else dark
LOOKS = {  # what the columns of attention say of a cell, by their names
    "attention.cls": ("Class token", "How much the class token looks at each cell in"),
    "attention.last": ("Last token", "How much the last token looks at each cell in"),
    "attention.received": ("Received", "How much all tokens look at each cell in"),
    "attention.rollout": ("Rollout", "How much of each cell attention can carry into {end}, up to"),
}


def pca(trace: Traced, pictures: Sequence[Picture], *, longest: int = LONGEST) -> list[View]:
    """Three views a picture: itself, all its tokens in the colours of their components, and those of the foreground.

    trace   what a pipeline made of these pictures. Colours are of the tokens that its selectors left, found for all
            pictures together, and painted on every cell that a token stands for; a dropped cell is black

    Raises `BadArguments` for codes, which have no components.
    """
    after, before = trace.after, trace.before
    if after.space.kind != "vectors":
        raise BadArguments(f"{after.space} have no components: colours are for vectors")
    region = after.kind == Kind.REGION
    data = after.data[region]
    of_all = Components.of(data)
    front = of_all.foreground
    of_front = Components.of(data[front])

    painted = np.zeros((2, after.total, 3), np.uint8)
    painted[0, region] = of_all.rgb
    painted[1, np.flatnonzero(region)[front]] = of_front.rgb
    everything, foreground = (trace.plan.scatter(rgb).round().astype(np.uint8) for rgb in painted)
    saids = (
        f"{_count(len(data))} in the colours of their first three principal components. {_share(of_all)}",
        f"{_count(int(front.sum()))} on the far side of the first component, in the colours of three components of "
        f"their own. {_share(of_front)} The rest is black.",
    )
    views = []
    for b, picture in enumerate(pictures):
        canvas, rows = Canvas(picture, longest), slice(*before.splits[b : b + 2].tolist())
        views.append(original(picture, canvas))
        for title, said, rgb in zip(("Components", "Foreground"), saids, (everything, foreground), strict=True):
            views.append(_coloured(title, said, before[b], rgb[rows], canvas))
    return views


def attention(tokens: Tokens, picture: Picture, *, longest: int = MANY) -> list[View]:
    """The picture, and a view for each column of attention, the mean of its heads first, then each head.

    A token that stands for several cells shares what it gets among them. (What was merged in the very layer that is
    looked at is a mean already, and comes out darker than it should.)

    Raises `BadArguments` for tokens without such a column.
    """
    canvas = Canvas(picture, longest)
    views = [original(picture, canvas)]
    end = "the class token" if (tokens.kind == Kind.CLASS).any() else "the mean of all tokens"
    for name, looks in tokens.columns.items():
        evidence, _, block = name.partition("@")
        evidence = evidence.removesuffix(".joined")
        if evidence not in LOOKS:
            continue
        title, said = LOOKS[evidence]
        said = f"{said.format(end=end)} {f'block {block}' if block else 'the last block'}."
        if evidence != "attention.rollout":
            looks = (looks.T / tokens.mass).T
        if looks.ndim == 1:
            views.append(_heated(title, said, tokens, looks, canvas))
            continue
        said = f"{said[:-1]}, the mean of {looks.shape[1]} heads."
        views.append(_heated(title, said, tokens, looks.mean(axis=1), canvas))
        views += [_heated(f"Head {head}", "", tokens, of_one, canvas) for head, of_one in enumerate(looks.T)]
    if len(views) == 1:
        raise BadArguments(f"these tokens keep no attention: they have {', '.join(tokens.columns) or 'no columns'}")
    return views


def stages(hierarchy: Sequence[Tokens], picture: Picture, *, longest: int = MANY) -> list[View]:
    """The picture, and the tokens of each stage in the colours of their components; colours of two stages say nothing
    of each other.
    """
    canvas = Canvas(picture, longest)
    views = [original(picture, canvas)]
    for stage, tokens in enumerate(hierarchy):
        region = tokens.kind == Kind.REGION
        found = Components.of(tokens.data[region])
        rgb = np.zeros((tokens.total, 3), np.uint8)
        rgb[region] = found.rgb
        (h, w), width = tokens.pictures.grids[0].tolist(), tokens.data.shape[1]
        said = f"{h:,} × {w:,} cells, {width:,} wide, in the colours of three components. {_share(found)}"
        views.append(_coloured(f"Stage {stage}", said, tokens, rgb, canvas))
    return views


def _coloured(title: str, said: str, tokens: Tokens, rgb: UInt8[Array, "N 3"], canvas: Canvas) -> View:
    region = tokens.kind == Kind.REGION
    tiles = Tiles.of(tokens.where(region), canvas.size)
    return View(title, said, canvas.drawing(filled(tiles, rgb[region], 1.0)))


def _heated(title: str, said: str, tokens: Tokens, looks: Float[Array, "N"], canvas: Canvas) -> View:
    """Heat from nearly the least to nearly the most, said as multiples of the mean of all cells."""
    region = tokens.kind == Kind.REGION
    looks, mass = looks[region].astype(np.float64), tokens.mass[region]
    low, high = np.percentile(looks, ENDS).tolist() if len(looks) else (0.0, 0.0)
    mean = float((looks * mass).sum() / mass.sum()) if high else 1.0
    tiles = Tiles.of(tokens.where(region), canvas.size)
    fill = filled(tiles, colours.heat((looks - low) / ((high - low) or 1)), 0.8)
    return View(title, said, canvas.drawing(fill), Ramp(f"{low / mean:.2f} ×", f"{high / mean:.2f} × the mean"))


def _share(found: Components) -> str:
    return f"The three hold {found.share:.0%} of the variance."


def _count(tokens: int) -> str:
    return "1 token" if tokens == 1 else f"{tokens:,} tokens"
