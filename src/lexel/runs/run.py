"""The one loop over inputs: decode ahead on threads, batch, compute, account.

    sources ─► decode threads ─► in order ─► batch ─► tokenize ─► (lines, tokens) ─► whoever writes
                                    │                                 ▲
                                    └── refusals ─────────────────────┘

Commands and jobs differ only in what they do with a batch. Nothing is dropped: each input has one line, in order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lexel.errors import LexelError
from lexel.pictures.picture import Picture, Pictures, Refusal
from lexel.runs.account import Line
from lexel.runs.threads import decoded
from lexel.tokens.value import Tokens

BATCH = 64  # pictures
PIXELS = 64_000_000  # decoded at once; a batch of large pictures is cut short


@dataclass(frozen=True, eq=False)
class Batch:
    """The outcome of some inputs that follow each other: a line each, and the tokens of those that are done."""

    lines: list[Line]
    tokens: Tokens


Work = Callable[[list[Picture]], Tokens]


def run(pictures: Pictures, work: Work, *, skip: int = 0, batch: int = BATCH) -> Iterator[Batch]:
    """Go through all inputs. `work` turns a list of pictures into tokens; `skip` inputs from the start are left out.

    A picture on which `work` raises an error of its own (exit 3) is one failed line; an error of the pipeline, of
    the machine or a defect ends the run.
    """
    outcomes: list[Picture | Refusal] = []
    found = pixels = 0
    for outcome in decoded(pictures, skip=skip):
        outcomes.append(outcome)
        if isinstance(outcome, Picture):
            found += 1
            pixels += outcome.pixels.size // 3
        if found >= batch or pixels >= PIXELS or len(outcomes) >= 100 * batch:
            yield _computed(outcomes, work)
            outcomes, found, pixels = [], 0, 0
    yield _computed(outcomes, work)


def _computed(outcomes: list[Picture | Refusal], work: Work) -> Batch:
    pictures = [outcome for outcome in outcomes if isinstance(outcome, Picture)]
    failed: dict[int, Refusal] = {}
    try:
        tokens = work(pictures)
    except LexelError as error:
        if error.exit != 3:
            raise
        tokens, failed = _one_by_one(pictures, work)
    counts = iter(tokens.counts.tolist())
    lines = []
    for outcome in outcomes:
        refusal = outcome if isinstance(outcome, Refusal) else failed.get(id(outcome))
        lines.append(Line.of(refusal) if refusal else Line(outcome.name, "done", tokens=next(counts)))
    return Batch(lines, tokens)


def _one_by_one(pictures: list[Picture], work: Work) -> tuple[Tokens, dict[int, Refusal]]:
    done: list[Tokens] = []
    failed: dict[int, Refusal] = {}
    for picture in pictures:
        try:
            done.append(work([picture]))
        except LexelError as error:
            if error.exit != 3:
                raise
            failed[id(picture)] = Refusal.of(error, picture.name)
    return Tokens.concat(done) if done else work([]), failed
