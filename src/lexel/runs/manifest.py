"""Jobs: a run whose output is committed step by step and goes on where it was killed.

    out/shard-00000.safetensors       tokens of the inputs of its accounting
    out/shard-00000.inputs.jsonl      …which is written after it: with both, the shard counts
    out.job.json                      what job this is: pipeline, version, arguments, inputs
    out.inputs.jsonl                  all lines, written last: with it, the job is finished

The cursor is the number of inputs in finished shards. Since shards are closed by the picture that fills them, a job
that was killed and resumed writes the same bytes as one that was not.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from lexel.disk import commit_bytes, lock, sweep
from lexel.errors import BadArguments, TokensError
from lexel.pictures.picture import Pictures
from lexel.runs.account import Account, Line, read_lines, write_lines
from lexel.runs.run import Batch, Work, run
from lexel.tokens.stream import PICTURES, SIZE, Shards, shard_name
from lexel.tokens.value import Tokens

FILES = (".safetensors", ".parquet")  # anything else is a folder of shards


@dataclass(frozen=True)
class Job:
    """What makes two jobs the same.

    pipeline    canonical text
    version     of lexel
    arguments   further settings that change the output, as text
    inputs      `Pictures.fingerprint()`
    """

    pipeline: str
    version: str
    arguments: str
    inputs: str

    def text(self) -> str:
        """Canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"


OnBatch = Callable[[Batch], None]


def tokenize(
    pictures: Pictures,
    work: Work,
    out: Path,
    job: Job,
    *,
    overwrite: bool = False,
    on_batch: OnBatch = lambda batch: None,
    form: type[Shards] = Shards,
    shard_pictures: int = PICTURES,
    shard_size: int = SIZE,
) -> Account:
    """Tokens of all pictures into `out`: one file where it has a suffix of `Tokens.save`, else a folder of shards.

    form   of the shards

    The same job again resumes, or has nothing to do. Raises `BadArguments` where `out` holds another job and
    `overwrite` is not said, and for a single file of more than one shard; `OutputError` when the disk is full.
    """
    finished = beside(out, "inputs.jsonl")
    shards = form(out, pictures=shard_pictures, size=shard_size)
    with lock(beside(out, "lock")):
        _claim(out, job, shards, overwrite)
        if finished.exists():
            account = Account(tuple(read_lines(finished)))
            if out.is_file() or shards.files(0)[-1].is_file():
                return account
            finished.unlink()
        if out.suffix in FILES:
            lines = _into_file(pictures, work, out, on_batch)
        else:
            lines = _into_folder(shards, pictures, work, on_batch)
        write_lines(finished, lines)
        return Account(tuple(lines))


def beside(out: Path, what: str) -> Path:
    """`out.inputs.jsonl` beside `out`."""
    return out.with_name(f"{out.name}.{what}")


def _claim(out: Path, job: Job, shards: Shards, overwrite: bool) -> None:
    """Make `out` the place of this job, or refuse with the difference."""
    note = beside(out, "job.json")
    before = _read_job(note)
    if before is not None and before != job and not overwrite:
        names = [name for name in asdict(job) if getattr(job, name) != getattr(before, name)]
        said = "; ".join(f"{name}: {getattr(before, name)} there, {getattr(job, name)} now" for name in names)
        raise BadArguments(f"holds another job ({said})", subject=str(out), hint="--overwrite replaces it")
    if before is None and out.exists() and (out.is_file() or any(out.iterdir())) and not overwrite:
        raise BadArguments(
            "is there already, and not from such a job", subject=str(out), hint="--overwrite replaces it"
        )
    sweep(out, note, beside(out, "inputs.jsonl"))
    if before != job or overwrite:
        beside(out, "inputs.jsonl").unlink(missing_ok=True)
        shards.clear()
        commit_bytes(note, job.text().encode())


def _read_job(note: Path) -> Job | None:
    try:
        return Job(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _into_file(pictures: Pictures, work: Work, out: Path, on_batch: OnBatch) -> list[Line]:
    lines: list[Line] = []
    shards = Shards(out.parent)
    for batch in run(pictures, work):
        lines += batch.lines
        if len(batch.tokens) and shards.add(batch.tokens):
            raise BadArguments(
                "this is more than one file should hold",
                subject=str(out),
                hint=f"write a folder of shards: -o {out.stem}/",
            )
        on_batch(batch)
    (Tokens.concat(shards.batches) if shards.batches else work([])).save(out)
    return lines


def _into_folder(shards: Shards, pictures: Pictures, work: Work, on_batch: OnBatch) -> list[Line]:
    done: list[Line] = []
    for number in count():
        lines = _lines_of(shards, number)
        if not (lines.is_file() and shards.files(number)[-1].is_file()):
            break
        done += read_lines(lines)
        shards.number = number + 1
    sweep(lines, *shards.files(shards.number))  # where it was killed
    pending: list[Line] = []

    def close() -> None:
        lines = _lines_of(shards, shards.number)
        shards.commit()
        write_lines(lines, pending)
        done.extend(pending)
        pending.clear()

    for batch in run(pictures, work, skip=len(done)):
        tokens, lines_left = batch.tokens, list(batch.lines)
        while len(tokens):
            room = shards.room(tokens)
            taken = _through(lines_left, room)
            pending += lines_left[:taken]
            lines_left = lines_left[taken:]
            if shards.add(tokens[:room]):
                close()
            tokens = tokens[room:]
        pending += lines_left
        on_batch(batch)
    if pending or shards.number == 0:
        if not shards.batches:  # only refusals: their shard has no picture, and still says what space it is of
            shards.add(shards.nothing() or work([]))
        close()
    return done


def _lines_of(shards: Shards, number: int) -> Path:
    return shards.folder / f"{shard_name(number)}.inputs.jsonl"


def _through(lines: list[Line], pictures: int) -> int:
    """How many lines reach through the `pictures`-th that is done."""
    for number, line in enumerate(lines, start=1):
        pictures -= line.status == "done"
        if pictures == 0:
            return number
    raise TokensError("fewer lines than pictures")
