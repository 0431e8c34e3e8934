"""`lexel train`: a file becomes a model. What is checked before, what happens while, and what is written after.

    settings ─► data ─► model ─► sanity, plan ─► training ─► model/, README.md, curve.html
                                     │               │
                               --dry-run ends     Ctrl-C ends, and the same command goes on

Of several processes the first one talks and writes; all of them compute the same.
"""

import platform
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from rich.console import Console

from lexel import __version__
from lexel.disk import commit_bytes, lock
from lexel.drawing.terminal import escaped
from lexel.errors import TrainingError
from lexel.kernels.processor import machine, peak
from lexel.loading.load import save
from lexel.needs import torch
from lexel.runs.account import Line, read_lines, write_lines
from lexel.training import curve, state
from lexel.training.build import Data, Job, build, opened
from lexel.training.card import Facts, card
from lexel.training.config import Config, Finetune, Masked, read
from lexel.training.dual import DualTask
from lexel.training.folder import Folder
from lexel.training.launch import joined
from lexel.training.loader import Batch
from lexel.training.log import Log
from lexel.training.masked import MaskedBatch
from lexel.training.numbers import amount, called, counting
from lexel.training.plan import Plan
from lexel.training.ranks import Ranks
from lexel.training.state import Checkpoint
from lexel.training.trainer import Ended
from lexel.training.watch import Course, Silent, Watching

SHOWN = 5  # inputs that were passed over, on the screen; inputs.jsonl has all

Say: TypeAlias = Callable[[str], None]
Made: TypeAlias = Job[Batch] | Job[MaskedBatch]


@dataclass(frozen=True)
class Went:
    """How it went.

    exit       status of the command
    model      the folder of the model; None where there is none yet, and for all processes but the first
    steps      updates that were made
    measures   of that model, on what was held out
    """

    exit: int
    model: Path | None = None
    steps: int = 0
    measures: dict[str, float] = field(default_factory=dict)


def run(where: Path, console: Console, *, dry_run: bool = False, overwrite: bool = False, anyway: bool = False) -> Went:
    """Train what the file `where`, or the one in that folder, describes; go on where it was stopped.

    console     for everything that is said
    dry_run     end before the first step
    overwrite   begin again, whatever checkpoints there are
    anyway      train a model that did not learn a small batch by heart

    Raises what `config.read`, `build.opened` and `build.build` raise, and `TrainingError` for a model that cannot
    learn, and for numbers that are not finite.
    """
    folder = Folder.of(where)
    config = read(folder.file)
    with joined(config.run.device) as device:
        ranks = Ranks.here()
        alone: AbstractContextManager[None] = lock(folder.home / ".lock") if ranks.rank == 0 else nullcontext()
        with alone:
            say: Say = (lambda text: console.print(text, soft_wrap=True)) if ranks.rank == 0 else (lambda text: None)
            data = opened(config, folder.home)
            if ranks.rank == 0:
                folder.begin(config, data.train.digest, data.held_out.digest, overwrite=overwrite and not dry_run)
            ranks.meet()
            job = build(config, folder.home, data, device)
            _tell(say, config, data, job, device)
            goes_on = state.newest(folder.checkpoints)
            planned = _checked(say, job, goes_on, anyway=anyway)
            if dry_run:
                return Went(0)
            with _watch(console, config, folder, data, job, planned, device) as watch:
                if goes_on is None:
                    watch.measured(0, job.task.measure())
                ended = job.train(folder.checkpoints, watch)
            if ended.signal is not None:
                say(f"Stopped after {ended.step:,} steps; all of them are kept. To go on:")
                say(shlex.join(["lexel", "train", str(where)]))
                return Went(128 + ended.signal, steps=ended.step)
            return _finished(say, config, folder, data, job, ended) if ranks.rank == 0 else Went(0)


def _tell(say: Say, config: Config, data: Data, job: Made, device: torch.device) -> None:
    """What there is to work with."""
    parameters = list(job.task.module.parameters())
    count, learn = (sum(p.numel() for p in some) for some in (parameters, [p for p in parameters if p.requires_grad]))
    part = "" if learn == count else f", of which {learn / 1e6:,.2f} million learn"
    say(f"{'model':<8}{config.task}, {count / 1e6:,.2f} million parameters{part}, on {machine(device)}")
    refused = data.refused
    passed = f"; {len(refused):,} passed over" if refused else ""
    say(f"{'data':<8}{len(data.train):,} {_noun(config)} to learn from, {len(data.held_out):,} held out{passed}")
    for refusal in refused[:SHOWN]:
        say(f"{'':<8}{escaped(refusal.name)}: {refusal.error}, {refusal.reason}")
    if job.batch < config.run.batch:
        say(f"{'':<8}run.batch is {config.run.batch:,}; {job.batch:,} are as many as fit into one")


def _checked(say: Say, job: Made, goes_on: Checkpoint | None, *, anyway: bool) -> Plan | None:
    """Can it learn, and how long will it take? Of a run that is done nobody asks."""
    if goes_on is None and Ranks.here().count == 1:  # several processes cannot: the small batch is one
        found = job.check()
        if found.wrong and not anyway:
            hint = "nothing was trained; --anyway trains it all the same"
            raise TrainingError(f"it does not learn one small batch by heart: {found.wrong}", hint=hint)
        said = f"it learns one small batch by heart: loss {found.first:.2f} → {found.last:.2f}"
        say(f"{'sanity':<8}{found.wrong or f'{said} in {found.updates} updates'}")
    if goes_on is not None:
        say(f"{'goes on':<8}after {goes_on.step:,} of {job.settings.steps:,} steps")
    if goes_on is not None and goes_on.step >= job.settings.steps:
        return None
    planned = job.plan()
    say(f"{'plan':<8}{planned}")
    return planned


def _watch(
    console: Console, config: Config, folder: Folder, data: Data, job: Made, planned: Plan | None, device: torch.device
) -> AbstractContextManager[Watching | Silent]:
    if Ranks.here().rank:
        return nullcontext(Silent())
    # What gradient caching computes twice is work, and no progress: MFU counts three passes of its four.
    cached = isinstance(job.task, DualTask) and 0 < config.run.chunk < job.batch // Ranks.here().count
    course = Course(
        name=folder.name,
        noun=_noun(config),
        steps=job.settings.steps,
        batch=job.batch,
        pairs=len(data.train),
        warmup=job.settings.warmup,
        flops=planned.flops * (0.75 if cached else 1.0) if planned else 0.0,
        peak=peak(device, bfloat16=config.run.precision == "bfloat16"),
    )
    return Watching(course, Log(folder.log), folder.curve, console)


def _finished(say: Say, config: Config, folder: Folder, data: Data, job: Made, ended: Ended) -> Went:
    """Write what came out of it: the best weights as a model, and its card."""
    found = state.newest(folder.checkpoints)
    assert found is not None  # one is saved with the last step
    model = job.model(found.weights())
    measures = job.score(model)
    log = Log(folder.log)
    if measures and [(ended.step, measures)] != log.history().measures[-1:]:  # best, averaged or mixed weights
        log.add(ended.step, measures=measures)
    history = log.history()
    save(model, folder.model)
    facts = Facts(
        name=folder.name,
        parameters=sum(p.numel() for p in model.parameters()),
        trained=len(data.train),
        held_out=len(data.held_out),
        digest=data.train.digest,
        steps=ended.step,
        planned=job.settings.steps,
        machine=machine(next(model.parameters()).device),
        versions={"lexel": __version__, "torch": str(torch.__version__), "Python": platform.python_version()},
    )
    commit_bytes(folder.card, card(config, facts, history).encode())
    curve.write(folder.curve, folder.name, history)
    _account(folder, data, job)
    if ended.step < job.settings.steps:
        say(f"It no longer got better, so it ended after {ended.step:,} of {job.settings.steps:,} steps.")
    if measures:
        said = ", ".join(f"{called(name)} {amount(name, measures[name])}" for name in counting(measures))
        if isinstance(config, Finetune) and _better(history.measures[0][1], measures):
            say("It was better before it learned more: see curve.html, and lower model.mix or optimizer.learning_rate.")
        say(f"{folder.name}, measured on {len(data.held_out):,} {_noun(config)} that it never saw: {said}")
    return Went(0, folder.model, ended.step, measures)


def _account(folder: Folder, data: Data, job: Made) -> None:
    """A line for each input: done, or why not. What failed before the run was stopped is remembered."""
    failed = {line.input: line for line in (read_lines(folder.inputs) if folder.inputs.is_file() else ())}
    failed |= {refusal.name: Line.of(refusal) for refusal in job.samples.failures}
    lines = [Line.of(refusal) for refusal in data.refused]
    for pairs in (data.train, data.held_out):
        lines += [failed.get(key, Line(key, "done")) for key in map(pairs.key, range(len(pairs)))]
    write_lines(folder.inputs, lines)


def _better(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether the measure that counts is."""
    return next(iter(one.values())) > next(iter(other.values()))


def _noun(config: Config) -> str:
    return "pictures" if isinstance(config, Masked) else "pairs"
