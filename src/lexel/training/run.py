"""`lexel train`: a file becomes a model. What is checked before, what happens while, and what is written after.

    settings ─► data ─► model ─► sanity, plan ─► training ─► model/, README.md, curve.html, inputs.jsonl
                                     │               │
                               --dry-run ends     Ctrl-C ends, and the same command goes on

Of several processes the first one talks and writes; all of them compute the same.
"""

import platform
import shlex
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from lexel import __version__
from lexel.autoencoders._autoencoder import Autoencoder
from lexel.disk import commit_bytes, lock
from lexel.drawing.terminal import escaped
from lexel.errors import TrainingError
from lexel.kernels.processor import machine, peak
from lexel.loading.load import save
from lexel.needs import torch
from lexel.runs.account import Account, Line, read_lines, write_lines
from lexel.towers._dual import Dual
from lexel.training import curve, state
from lexel.training.build import build, opened
from lexel.training.card import Facts, card
from lexel.training.config import read
from lexel.training.crops import Several
from lexel.training.dual import DualTask
from lexel.training.folder import Folder
from lexel.training.job import Data, Job
from lexel.training.launch import joined
from lexel.training.loader import Batch
from lexel.training.log import Log
from lexel.training.masked import MaskedBatch
from lexel.training.numbers import amount, called, counting
from lexel.training.plan import Plan
from lexel.training.ranks import Ranks
from lexel.training.rates import Rate, rates
from lexel.training.sections import Config, Finetune, Masked, Tokenizer
from lexel.training.state import Checkpoint
from lexel.training.trainer import Ended
from lexel.training.vocabulary import VocabularyTask
from lexel.training.watch import Course, Silent, Watching

SHOWN = 5  # inputs that were passed over, on the screen; inputs.jsonl has all
LOOKED_AT = 1000  # pairs whose captions are spelled, to see whether they fit


@dataclass(frozen=True)
class Went:
    """How it went.

    exit       status of the command: 3 where an input failed, and the model is there all the same
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
    with joined(config.run.device) as device, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* lost their end")  # `tell` says it once
        first = Ranks.here().rank == 0
        alone: AbstractContextManager[None] = lock(folder.home / ".lock") if first else nullcontext()
        with alone:
            data = opened(config, folder.home)
            if first:
                folder.begin(config, data.train.digest, data.held_out.digest, overwrite=overwrite and not dry_run)
            Ranks.here().meet()
            going = _Going(config, folder, data, build(config, folder.home, data, device), device, console, first)
            going.tell()
            found = state.newest(folder.checkpoints)
            planned = going.check(found, anyway=anyway)
            if dry_run:
                return Went(0)
            ended = going.train(found, planned)
            if ended.signal is None:
                return going.finish(ended)
            going.say(f"Stopped after {ended.step:,} steps; all of them are kept. To go on:")
            going.say(shlex.join(["lexel", "train", str(where)]))
            return Went(128 + ended.signal, steps=ended.step)


@dataclass(frozen=True, eq=False)
class _Going:
    """One go at a run. `first`: whether this process talks and writes."""

    config: Config
    folder: Folder
    data: Data
    job: Job[Batch] | Job[MaskedBatch]
    device: torch.device
    console: Console
    first: bool

    def say(self, text: str) -> None:
        """A line for people."""
        if self.first:
            self.console.print(text, soft_wrap=True)

    def tell(self) -> None:
        """What there is to work with."""
        config, data, job = self.config, self.data, self.job
        module = job.task.model if isinstance(job.task, VocabularyTask) else job.task.module  # without its judge
        sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
        count, learn = sum(size for size, _ in sizes), sum(size for size, learns in sizes if learns)
        part = f", of which {learn / 1e6:,.2f} million learn" if learn < 0.99 * count else ""
        self.say(f"{'model':<8}{config.task}, {count / 1e6:,.2f} million parameters{part}, on {machine(self.device)}")
        passed = f"; {len(data.refused):,} passed over" if data.refused else ""
        self.say(f"{'data':<8}{len(data.train):,} {self.noun} to learn from, {len(data.held_out):,} held out{passed}")
        for refusal in data.refused[:SHOWN]:
            self.say(f"{'':<8}{escaped(refusal.name)}: {refusal.error}, {refusal.reason}")
        if isinstance(module, Dual) and module.speller:
            some = [
                caption for index in range(min(LOOKED_AT, len(data.train))) for caption in data.train.captions(index)
            ]
            if cut := module.speller(some).truncated:
                self.say(f"{'':<8}{cut:,} of the first {len(some):,} captions are too long and lose their end")
        if job.batch < config.run.batch:
            self.say(f"{'':<8}a batch is {job.batch:,}, not {config.run.batch:,}: there are no more {self.samples}")

    def check(self, found: Checkpoint | None, *, anyway: bool) -> Plan | None:
        """Can it learn, and how long will it take? Of a run that is done nobody asks."""
        if found is not None:
            self.say(f"{'goes on':<8}after {found.step:,} of {self.job.settings.steps:,} steps")
        elif Ranks.here().count == 1:  # several processes cannot: each has the whole of a small batch
            made = self.job.check()
            # A locked part may leave too little that learns. What fine-tuning starts from works, so nobody is stopped.
            if made.wrong and not anyway and not isinstance(self.config, Finetune):
                hint = "nothing was trained; --anyway trains it all the same"
                raise TrainingError(f"it does not learn one small batch by heart: {made.wrong}", hint=hint)
            fine = f"it learns one small batch by heart: loss {made.first:.2f} → {made.last:.2f}"
            self.say(f"{'sanity':<8}{made.wrong or f'{fine} in {made.updates} updates'}")
        if found is not None and found.step >= self.job.settings.steps:
            return None
        planned = self.job.plan()
        self.say(f"{'plan':<8}{planned}")
        return planned

    def train(self, found: Checkpoint | None, planned: Plan | None) -> Ended:
        """All steps that are left, watched. Before the first one of all it is measured once."""
        with self._watch(planned) as watch:
            if found is None:
                watch.measured(0, self.job.task.measure())
            ended = self.job.train(self.folder.checkpoints, watch)
        if self.first:
            self._account()
        return ended

    def finish(self, ended: Ended) -> Went:
        """Write what came out of it: the best weights as a model, and its card."""
        if not self.first:
            return Went(0)
        folder, data, log = self.folder, self.data, Log(self.folder.log)
        found = state.newest(folder.checkpoints)
        assert found is not None  # one is saved with the last step
        model = self.job.model(found.weights())
        measures = self.job.score(model)
        if measures and log.history().measures[-1:] != [(ended.step, measures)]:  # best, averaged or mixed weights
            log.add(ended.step, measures=measures)
        history = log.history()
        save(model, folder.model)
        beside: tuple[Rate, ...] = ()
        if isinstance(self.config, Tokenizer) and isinstance(model, Autoencoder):
            held_out, train = (Several(one, 1, self.config.model.edge) for one in (data.held_out, data.train))
            beside = rates(model, held_out, train)
        facts = Facts(
            name=folder.name,
            parameters=sum(p.numel() for p in model.parameters()),
            trained=len(data.train),
            held_out=len(data.held_out),
            digest=data.train.digest,
            steps=ended.step,
            planned=self.job.settings.steps,
            machine=machine(self.device),
            versions={"lexel": __version__, "torch": str(torch.__version__), "Python": platform.python_version()},
            beside=beside,
        )
        commit_bytes(folder.card, card(self.config, facts, history).encode())
        curve.write(folder.curve, folder.name, history)
        if ended.step < self.job.settings.steps:
            self.say(f"It no longer got better, so it ended after {ended.step:,} of {self.job.settings.steps:,} steps.")
        if measures:
            said = ", ".join(f"{called(name)} {amount(name, measures[name])}" for name in counting(measures))
            self.say(f"{'result':<8}{said}, {len(data.held_out):,} held out")
            name = next(iter(measures))
            if isinstance(self.config, Finetune) and history.measures[0][1].get(name, 0.0) > measures[name]:
                self.say("It was better before: a lower optimizer.learning_rate or model.mix keeps more of that.")
        account = self._account()
        if failed := [line for line in account.lines if line.status == "failed"]:
            one = f"{escaped(failed[0].input)}: {failed[0].error}, {failed[0].reason}"
            self.say(f"{len(failed):,} of {len(account.lines):,} inputs failed, see {folder.inputs}: {one}")
        alone = Ranks.here().count == 1  # to torchrun a status that is not 0 is a crash
        return Went(account.exit if alone else 0, folder.model, ended.step, measures)

    @property
    def noun(self) -> str:
        """What it learns from."""
        return "pictures" if isinstance(self.config, Masked | Tokenizer) else "pairs"

    @property
    def samples(self) -> str:
        """What a step has many of."""
        return "squares" if isinstance(self.config, Tokenizer) else self.noun

    def _watch(self, planned: Plan | None) -> AbstractContextManager[Watching | Silent]:
        if not self.first:
            return nullcontext(Silent())
        job, run = self.job, self.config.run
        # What gradient caching computes twice is work, and no progress: MFU counts three passes of its four.
        cached = isinstance(job.task, DualTask) and 0 < run.chunk < job.batch // Ranks.here().count
        course = Course(
            name=self.folder.name,
            noun=self.samples,
            steps=job.settings.steps,
            batch=job.batch,
            pairs=len(self.data.train),
            warmup=job.settings.warmup,
            flops=planned.flops * (0.75 if cached else 1.0) if planned else 0.0,
            peak=peak(self.device, bfloat16=run.precision == "bfloat16"),
        )
        return Watching(course, Log(self.folder.log), self.folder.curve, self.console)

    def _account(self) -> Account:
        """A line for each input: done, or why not. What failed before the run was stopped is remembered."""
        path = self.folder.inputs
        failed = {line.input: line for line in (read_lines(path) if path.is_file() else ()) if line.status == "failed"}
        lines = [Line.of(refusal) for refusal in self.data.refused]
        for pairs in (self.data.train, self.data.held_out):
            failed |= {refusal.name: Line.of(refusal) for refusal in pairs.failures}
            lines += [failed.get(key, Line(key, "done")) for key in map(pairs.key, range(len(pairs)))]
        write_lines(path, lines)
        return Account(tuple(lines))
