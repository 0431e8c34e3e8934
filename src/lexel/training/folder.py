"""The folder of a run: what lies where, and whether its checkpoints belong to the file and the data as they are now.

mymodel/
  mymodel.toml          the settings: yours, all the rest is written
  words/                vocabulary, learned from the captions
  checkpoints/          step-00000200/ …
  begun.json            settings and data that these belong to
  log.jsonl curve.html  how it went
  inputs.jsonl          what became of every picture
  model/ README.md      what came out of it, and its card
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lexel.disk import commit_bytes
from lexel.errors import BadArguments
from lexel.training import card, state
from lexel.training.sections import Config, Tokenizer

# What may be changed in the middle of a run, because the weights do not depend on it. A judge's weight is chosen for
# each chunk, so that with one they do depend on that.
FREE = {"card.licence", "card.description", "data.source", "data.licence", "data.description"} | {
    f"run.{name}" for name in ("chunk", "device", "save_every", "keep")
}


@dataclass(frozen=True)
class Folder:
    """The folder around a file."""

    file: Path

    @classmethod
    def of(cls, where: Path) -> "Folder":
        """That of a file, or the folder itself, where its name or the lack of others says which file is meant.

        Raises `BadArguments` where no file is, or nobody knows which.
        """
        if not where.is_dir():
            return cls(where)
        named, found = where / f"{where.resolve().name}.toml", sorted(where.glob("*.toml"))
        if named.is_file() or len(found) == 1:
            return cls(named if named.is_file() else found[0])
        hint = f"lexel new clip {where}" if not found else f"lexel train {found[0]}"
        raise BadArguments(f"has {len(found) or 'no'} .toml files", subject=str(where), hint=hint)

    @property
    def home(self) -> Path:
        """Where all of it lies."""
        return self.file.parent

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.file.stem

    @property
    def checkpoints(self) -> Path:
        """Steps that are whole."""
        return self.home / "checkpoints"

    @property
    def log(self) -> Path:
        """Lines of JSON."""
        return self.home / "log.jsonl"

    @property
    def inputs(self) -> Path:
        """The accounting."""
        return self.home / "inputs.jsonl"

    @property
    def curve(self) -> Path:
        """The log as a page."""
        return self.home / "curve.html"

    @property
    def model(self) -> Path:
        """What came out, as its family publishes it."""
        return self.home / "model"

    @property
    def card(self) -> Path:
        """The model card."""
        return self.home / "README.md"

    def begin(self, config: Config, train: str, held_out: str, *, overwrite: bool = False) -> bool:
        """Whether there is a checkpoint to go on from. Where there is none, traces of a run that never had one go.

        train, held_out   digests of the data

        Raises `BadArguments` with the difference where the checkpoints are of other settings or other data.
        """
        begun, now = self.home / "begun.json", _decisive(config, train, held_out)
        if not overwrite and state.newest(self.checkpoints):
            then = json.loads(begun.read_text(encoding="utf-8")) if begun.is_file() else {}
            changed = [
                f"{name}: was {then.get(name)}, is {now.get(name)}" for name in now if then.get(name) != now[name]
            ]
            if changed:
                hint = "\n".join([*changed, "--overwrite begins again; what was learned is lost"])
                raise BadArguments("its checkpoints are of other settings", subject=str(self.home), hint=hint)
            return True
        for trace in (self.checkpoints, self.home / "words"):
            shutil.rmtree(trace, ignore_errors=True)
        for trace in (self.log, self.inputs):
            trace.unlink(missing_ok=True)
        commit_bytes(begun, (json.dumps(now, indent=2, ensure_ascii=False) + "\n").encode())
        return False

    def published(self, name: str) -> dict[str, Path | bytes]:
        """What goes to the hub under `name`: the model and its card, by their names there; {} before they are done."""
        if not (self.card.is_file() and self.model.is_dir()):
            return {}
        files: dict[str, Path | bytes] = {path.name: path for path in sorted(self.model.iterdir()) if path.is_file()}
        return files | {self.card.name: card.published(self.card.read_text(encoding="utf-8"), name).encode()}


def _decisive(config: Config, train: str, held_out: str) -> Mapping[str, object]:
    """Everything that the weights depend on, by name."""
    said: dict[str, object] = {"task": config.task, "data": train, "held out": held_out}
    free = FREE - {"run.chunk"} if isinstance(config, Tokenizer) and config.discriminator.weight else FREE
    for section, table in config.model_dump(mode="json").items():
        if isinstance(table, dict):
            said |= {name: value for key, value in table.items() if (name := f"{section}.{key}") not in free}
    return said
