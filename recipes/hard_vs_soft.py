"""Write docs/hard-vs-soft.md: hard tokens beside soft ones, in numbers that a run gives.

    python recipes/hard_vs_soft.py PICTURE … [--with PIPELINE …] [-o docs/hard-vs-soft.md]

Give photographs that the models were not trained on. Takes two minutes a photograph of 640 × 427 pixels on one core.
What each number means stands in the page itself; two runs differ in time and memory alone.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

import numpy as np

import lexel
from lexel.measures.compare import Comparison, compare
from lexel.measures.meter import metered
from lexel.measures.pixels import psnr
from lexel.measures.rows import Standing
from lexel.pictures.picture import Picture
from lexel.pictures.resize import fit, pillow_bicubic
from lexel.pipelines.compose import Pipeline, pipeline
from lexel.shapes import Array, Bool, Int, UInt8
from lexel.tokens.value import Tokens

ROOT = Path(__file__).parents[1]
WAYS = ("patch(16)", "quadtree(8, 64)", "superpixel(1024)", "lexel/photo-fsq", "lexel/photo-vq", "lexel/photo-vae")
CHANGED = 16  # tokens of a picture that are changed, one by one
MOST = 0.95  # of a change
STRONG = 0.05  # share of the pixels that are called strong edges
SIDES = (256, 512, 1024)


@dataclass(frozen=True)
class Told:
    """What one way is, over all pictures.

    local    share of what changes, when one token does, that lies in its own region
    reach    side of what holds 95 % of the change, in sides of that region
    edges    share of strong edges that lie on a border between tokens
    chance   …of all pixels
    psnr     at strong edges, in dB
    grown    (tokens, ms) of the first picture at each of `SIDES`
    """

    tokens: Tokens
    local: float
    reach: float
    edges: float
    chance: float
    psnr: float
    grown: tuple[tuple[int, float], ...]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--with", dest="ways", action="append", metavar="PIPELINE")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "hard-vs-soft.md")
    said = parser.parse_args()
    ways = said.ways or WAYS
    pictures = list(lexel.read(said.pictures))
    compared = compare(pictures, ways, stability=True)
    found = {way: told(pipeline(way), pictures) for way in ways}
    names = " ".join(path.name for path in said.pictures)
    said.output.write_text(page(compared, found, names), encoding="utf-8")


def told(way: Pipeline, pictures: Sequence[Picture]) -> Told:
    """What one way is."""
    moved, borders, errors = [], [], []
    for picture in pictures:
        tokens = way([picture])
        whose, steep = owners(tokens, picture.size), strong(picture.pixels)
        back = kept(way, tokens, picture.size)
        moved += changes(way, tokens, back, whose)
        beside = border(whose)
        borders.append((beside[steep].mean(), beside.mean()))
        errors.append(np.square(picture.pixels[steep].astype(float) - back[steep]).mean())
    first = way(pictures[:1])
    local, reach = np.mean(moved, axis=0)
    edges, chance = np.mean(borders, axis=0)
    sizes = tuple(grown(way, pictures[0], side) for side in SIDES)
    return Told(first, float(local), float(reach), float(edges), float(chance), psnr(float(np.mean(errors))), sizes)


def owners(tokens: Tokens, size: tuple[int, int]) -> Int[Array, "H W"]:
    """The token of each pixel of one picture."""
    height, width = size
    if (labels := tokens.pictures.maps[0]) is not None:
        raster = labels.raster()
        rows, columns = (np.arange(side) * known // side for side, known in zip(size, raster.shape, strict=True))
        return raster[np.ix_(rows, columns)]
    found = np.full(size, -1)
    corners = np.rint(tokens.boxes * (width, height, width, height)).astype(int)
    for token, (left, top, right, bottom) in enumerate(corners):
        found[top:bottom, left:right] = token
    return found


def kept(way: Pipeline, tokens: Tokens, size: tuple[int, int]) -> UInt8[Array, "H W 3"]:
    """What tokens give back, at the size of the picture."""
    [back] = way.tokenizer.detokenize(tokens)
    return pillow_bicubic(back.pixels, size)


def changes(
    way: Pipeline, tokens: Tokens, back: UInt8[Array, "H W 3"], whose: Int[Array, "H W"]
) -> list[tuple[float, float]]:
    """(share at home, reach) of tokens that become another one of the picture, where that changes anything."""
    rng, found = np.random.default_rng(0), []
    for token, other in rng.integers(tokens.total, size=(CHANGED, 2)).tolist():
        data = tokens.data.copy()
        data[token] = data[other]
        changed = kept(way, tokens.with_(data=data), (back.shape[0], back.shape[1]))
        change = np.abs(changed.astype(float) - back).sum(axis=2)
        home = whose == token
        if change.sum() and home.any():
            falling = np.sort(change, axis=None)[::-1].cumsum()
            area = 1 + int(np.searchsorted(falling, MOST * falling[-1]))
            found.append((change[home].sum() / change.sum(), (area / home.sum()) ** 0.5))
    return found


def strong(pixels: UInt8[Array, "H W 3"]) -> Bool[Array, "H W"]:
    """Pixels with the steepest grey."""
    down, right = np.gradient(pixels.astype(float).mean(axis=2))
    steep = np.hypot(down, right)
    return steep >= np.quantile(steep, 1 - STRONG)


def border(whose: Int[Array, "H W"]) -> Bool[Array, "H W"]:
    """Pixels beside one of another token: left, right, above or below."""
    found = np.zeros(whose.shape, bool)
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = whose[one] != whose[other]
        found[one] |= differ
        found[other] |= differ
    return found


def grown(way: Pipeline, picture: Picture, side: int) -> tuple[int, float]:
    """Tokens and ms of a picture brought to a longest side."""
    scale = side / max(picture.size)
    size = fit(picture.size, side) if scale <= 1 else tuple(round(length * scale) for length in picture.size)
    scaled = Picture(pillow_bicubic(picture.pixels, (size[0], size[1])), picture.name, (size[0], size[1]), "")
    tokens, cost = metered(lambda: way([scaled]), repeats=3)
    return tokens.total, cost.ms


def page(compared: Comparison, told: dict[str, Told], names: str) -> str:
    """The text of docs/hard-vs-soft.md."""
    rows = {standing.row.way: standing for standing in compared.standings}
    parts = [HEAD.format(names=names, count=len({row.picture for row in compared.rows}))]
    for title, text, heads, line in SECTIONS:
        lines = [[f"`{way}`", *line(told[way], rows[way])] for way in told]
        table = [("", *heads), ("---", *["---:"] * len(heads)), *lines]
        parts += [f"## {title}", fill(text, 120), "\n".join(f"| {' | '.join(cells)} |" for cells in table)]
    return "\n\n".join(parts) + "\n"


HEAD = """\
# Hard and soft tokens, measured

A hard token is a piece of the picture or one of finitely many codes; a soft one is a vector that a network made. Which
is better for what is a matter of numbers: these are of {count} photographs that no model here was trained on. The page
is written by

```text
python recipes/hard_vs_soft.py {names}
```

Everything but ms and MB comes out the same when it is run again."""


def _nature(told: Told, standing: Standing) -> Iterable[str]:
    data, space = told.tokens.data, told.tokens.space
    codes = " × ".join(f"{size:,}" for size in space.codebook)
    numbers = codes or str(int(np.prod(data.shape[1:])))
    assert standing.row.bits_per_pixel is not None
    assert standing.row.tokens
    each = standing.row.bits_per_pixel * standing.row.pixels / standing.row.tokens
    kind = "pixels" if data.dtype == np.uint8 and not codes else space.kind
    return kind, str(data.dtype), f"one of {codes}" if codes else numbers, f"{each:,.1f}"


def _interpretability(told: Told, standing: Standing) -> Iterable[str]:
    return f"{told.local:.0%}", f"{told.reach:.1f}"


def _detail(told: Told, standing: Standing) -> Iterable[str]:
    row, jpeg = standing.row, next(other for other in standing.baselines if other.way == "jpeg")
    return (
        f"{row.bits_per_pixel:.3f}",
        *(_two(one.psnr) for one in (row, jpeg)),
        *(f"{x.ssim:.3f}" for x in (row, jpeg)),
    )


def _cost(told: Told, standing: Standing) -> Iterable[str]:
    row = standing.row
    return f"{row.tokens:,.0f}", f"{row.pixels_per_token:,.0f}", f"{row.ms:,.0f}", f"{row.peak_mb:,.0f}"


def _boundaries(told: Told, standing: Standing) -> Iterable[str]:
    return f"{told.edges:.0%}", f"{told.chance:.0%}", f"{told.edges / told.chance:.2f}", _two(told.psnr)


def _scalability(told: Told, standing: Standing) -> Iterable[str]:
    return [f"{tokens:,} in {ms:,.0f} ms" for tokens, ms in told.grown]


def _steadiness(told: Told, standing: Standing) -> Iterable[str]:
    names = ("noise", "jpeg", "resize", "shift", "again")
    return [f"{standing.row.more[f'flips {x}']:.0%}" if f"flips {x}" in standing.row.more else "–" for x in names]


def _two(decibels: float | None) -> str:
    return "–" if decibels is None else "exact" if decibels == float("inf") else f"{decibels:.1f}"


SECTIONS = (
    (
        "Nature",
        "What a token is, and how many bits it takes: of codes those of the stream where there is an entropy coder.",
        ("kind", "dtype", "numbers", "bits a token"),
        _nature,
    ),
    (
        "Interpretability",
        f"{CHANGED} tokens of each picture became, one by one, another token of the same picture. *At home*: the share "
        "of what changed in the decoded picture that lies in the region of the token. *Reach*: the side of what holds "
        f"{MOST:.0%} of the change, in sides of that region.",
        ("at home", "reach"),
        _interpretability,
    ),
    (
        "Detail",
        "What comes back, beside a JPEG of as many bits (without its header). Patches are exact: they are the pixels.",
        ("bits/px", "PSNR", "of JPEG", "SSIM", "of JPEG"),
        _detail,
    ),
    ("Cost", "Each in a process of its own; MB is all that it holds.", ("tokens", "px/token", "ms", "MB"), _cost),
    (
        "Boundaries",
        f"Strong edges are the {STRONG:.0%} steepest pixels. *On borders*: how many of them touch a border between two "
        "tokens; *chance*: how many of all pixels do, which more and smaller tokens raise by themselves. The ratio "
        "says whether borders follow edges, PSNR what is left of the picture there.",
        ("on borders", "chance", "ratio", "PSNR there"),
        _boundaries,
    ),
    (
        "Scalability",
        f"The first picture with a longest side of {', '.join(map(str, SIDES))} pixels.",
        tuple(f"{side} px" for side in SIDES),
        _scalability,
    ),
    (
        "Steadiness",
        "The share of codes that change under ±1 in each byte, JPEG of quality 95, resizing to twice the size and "
        "back, a shift by a cell, and their own decoding. Only codes can flip: of everything else a little more or "
        "less comes out.",
        ("noise", "JPEG", "resize", "shift", "again"),
        _steadiness,
    ),
)

if __name__ == "__main__":
    main()
