"""`lexel.compare`: every method side by side on the same pictures, beside what everybody has already.

    picture ─decoded once─┬─► a process of its own for each pipeline     tokens, bits, error, time, memory
                          ├─► random_drop and resize at as many tokens   where the pipeline has a reducer
                          └─► JPEG and WebP at as many bits              for each pipeline

    lexel.compare("photos/", ["patch(16)", "quadtree(8, 64)"]).save("report.html")

All errors are those of a reconstruction at the size of the picture. Tokens that a reducer merged are given their mean,
dropped ones look like the nearest that was kept (`tokens.restore`), for the methods and for the baselines alike.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lexel import __version__
from lexel.disk import commit_bytes
from lexel.errors import BadArguments, NoMatch
from lexel.measures.codecs import CODECS
from lexel.measures.meter import Child, Failed
from lexel.measures.rows import Row, Standing
from lexel.measures.trial import Also, Distance, Trial, coded, drawn, tried
from lexel.pictures.picture import Picture, Pictures
from lexel.pictures.read import read
from lexel.pictures.sources import Readable
from lexel.pipelines.compose import Pipeline, pipeline
from lexel.reducers.random_drop import RandomDrop
from lexel.reducers.resize import Resize
from lexel.tokens.protocols import Selector

SEEDS = 5  # draws of the random baseline
BATCH = 256 << 20  # bytes of pixels that are held at once
SHOWN = 3  # pictures kept for the report
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found.

    rows       every way on every picture: method by method, each followed by its baselines
    pictures   the first three, for the report
    """

    rows: tuple[Row, ...]
    pictures: tuple[Picture, ...] = field(repr=False)

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """Each method among its baselines, in the order asked for: means over all pictures."""
        methods: dict[str, list[Row]] = {}
        for row in self.rows:
            methods.setdefault(row.of, []).append(row)
        return tuple(map(Standing.of_rows, methods.values()))

    def to_json(self) -> str:
        """Everything as one JSON document. Two runs differ in `ms` and `peak_mb` alone."""
        methods = [
            {
                "method": standing.row.way,
                "mean": standing.row.plain(),
                "baselines": [row.plain() for row in standing.baselines],
                "beats": standing.beats,
                "beats_none": standing.beats_none,
            }
            for standing in self.standings
        ]
        document = {
            "lexel.compare": FORMAT,
            "version": __version__,
            "methods": methods,
            "rows": [row.plain() for row in self.rows],
        }
        return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it; the suffix decides: `.json`, or `.html` for a page with plots, the table and drawings.

        Raises `BadArguments` for another suffix, `OutputError` when the disk does not take it.
        """
        from lexel.measures.report import report

        suffix = Path(path).suffix
        if suffix not in (".json", ".html"):
            raise BadArguments(f"a comparison is saved as .json or .html, not {Path(path).name}")
        commit_bytes(path, (report(self) if suffix == ".html" else self.to_json()).encode())


def compare(
    pictures: Readable,
    pipelines: Sequence[str | Pipeline],
    *,
    repeats: int = 3,
    distances: Sequence[Distance] = (),
    stability: bool = False,
    progress: Callable[[str], None] = lambda way: None,
) -> Comparison:
    """Compare pipelines on pictures.

    pictures    whatever `lexel.read` takes; each is decoded once
    pipelines   texts or `Pipeline`s. A process of its own builds each from its text, so that its parts must be methods
                that a text can name
    repeats     runs of which the median time is taken, after one that is not timed
    distances   measures of your own between a picture and what is kept of it, such as `evals.perceptual.LPIPS`
    stability   tell how many codes flip under noise, JPEG, resizing, a shift and their own decoding
    progress    is told the name of each way before it begins

    A method that fails, or takes its process down, has a row that says so; the others go on. Raises `BadArguments` for
    no pipeline, `NoMatch` for no picture, the errors of `pipeline` for one that cannot be built, and those of pictures.

        lexel.compare("photos/", ["patch(16)", "patch(16) | tome(r=98)"]).standings[1].beats
        # ('random_drop', 'resize')
    """
    methods = list(dict.fromkeys(p if isinstance(p, Pipeline) else pipeline(p) for p in pipelines))
    if not methods or repeats < 1:
        raise BadArguments("a comparison has one pipeline or more, and one repeat or more")
    rows: dict[str, dict[str, list[Row]]] = {str(method): {} for method in methods}
    shown: list[Picture] = []
    for batch in _batches(pictures if isinstance(pictures, Pictures) else read(pictures)):
        shown += batch[: SHOWN - len(shown)]
        for row in _compared(methods, batch, repeats, Also(tuple(distances), stability), progress):
            rows[row.of].setdefault(row.way, []).append(row)
    if not shown:
        raise NoMatch("there is no picture to compare on")
    return Comparison(
        tuple(row for ways in rows.values() for way in ways.values() for row in way),
        tuple(shown),
    )


def _compared(
    methods: Sequence[Pipeline],
    batch: Sequence[Picture],
    repeats: int,
    also: Also,
    progress: Callable[[str], None],
) -> Iterator[Row]:
    """The rows of one batch of pictures; of each way one a picture, in their order."""
    found: dict[str, list[Trial | Failed]] = {}
    for method in methods:
        text = str(method)
        progress(text)
        with Child() as child:
            found[text] = [child.call(tried, text, picture, repeats, also) for picture in batch]
        yield from (Row.of_trial(text, text, *pair) for pair in zip(batch, found[text], strict=True))
        first = str(Pipeline([method.tokenizer]))
        for way in _baselines(method, 0):
            progress(f"{way} beside {text}")
            with Child() as child:
                for picture, trial in zip(batch, found[text], strict=True):
                    if isinstance(trial, Trial):
                        selectors = _baselines(method, trial.regions or 0)[way]
                        trial = child.call(drawn, first, selectors, picture, repeats, also)
                    yield Row.of_trial(way, text, picture, trial)
    for codec in CODECS:
        progress(codec)
        with Child() as child:
            for b, picture in enumerate(batch):
                trials = {text: trials[b] for text, trials in found.items()}
                rates = {text: trial.bits for text, trial in trials.items() if isinstance(trial, Trial)}
                files = child.call(coded, codec, tuple(rates.values()), picture, repeats, also)
                if isinstance(files, Failed):
                    trials |= dict.fromkeys(rates, files)
                else:
                    trials |= zip(rates, files, strict=True)
                for text, trial in trials.items():
                    yield Row.of_trial(codec, text, picture, trial)


def _baselines(method: Pipeline, tokens: int) -> dict[str, tuple[Selector, ...]]:
    """The baselines of a pipeline with reducers that left so many tokens: by name, the selectors that are averaged.

    A pipeline that is one of them itself does not stand beside itself.
    """
    if not method.rest or not all(isinstance(part, Selector) for part in method.rest):
        return {}
    random = tuple(RandomDrop(tokens, seed=seed) for seed in range(SEEDS))
    ways: dict[str, tuple[Selector, ...]] = {"random_drop": random, "resize": (Resize(max(tokens, 1)),)}
    return {way: selectors for way, selectors in ways.items() if type(method.rest[0]) is not type(selectors[0])}


def _batches(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    """As many pictures as may be held at once, one or more."""
    batch: list[Picture] = []
    for picture in pictures:
        if batch and sum(held.pixels.nbytes for held in batch) + picture.pixels.nbytes > BATCH:
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch
