"""`lexel`: the tree of commands, and what becomes of whatever they raise.

    0    done                                    5    needs the network and is offline
    1    nothing found, a check failed           70   a defect of lexel; says where the report lies
    2    usage                                   74   the output could not be written
    3    some or all inputs failed               130, 143   interrupted, terminated: resumable
    4    an optional dependency is missing

Each error of `lexel.errors` carries its number. The commands are plain functions in the files beside this one; what
they need they import when they are called, so that `lexel --help` stays quick.
"""

import functools
import hashlib
import os
import shlex
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from types import FrameType

import typer

from lexel.cli import about, compare, models, reconstruction, sample, tokens, train, words
from lexel.cli import eval as evals
from lexel.errors import LexelError, OutputError
from lexel.settings import settings

DEFECT = 70

app = typer.Typer(
    name="lexel",
    help="The tokenizer toolkit for images: pictures to tokens, fewer of them, and what each is worth.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # docstrings are shown as they are written
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: tuple[Callable[..., int | None], ...] = (
    tokens.tokenize,
    tokens.detokenize,
    tokens.show,
    tokens.explain,
    compare.compare,
    compare.cost,
    words.embed,
    words.classify,
    sample.sample,
    train.new,
    train.train,
    train.push,
    about.methods,
    about.doctor,
    about.demo,
)

MODELS: dict[str, Callable[..., int | None]] = {
    "list": models.list_models,
    "get": models.get,
    "add": models.add,
}
EVALS: dict[str, Callable[..., int | None]] = {
    "retrieval": evals.retrieval,
    "zero-shot": evals.zero_shot,
    "clipscore": evals.clipscore,
    "probe": evals.probe,
    "tokenizer": reconstruction.tokenizer,
}
models_app = typer.Typer(help="Models on this machine: list them, get one of the hub, add old weights.")
eval_app = typer.Typer(help="What a model is worth: retrieval, zero-shot, CLIPScore, probes, reconstruction.")


def main() -> None:
    """The console script."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `lexel methods | head` ends as other tools do
    signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = _note
    app()


def guarded(command: Callable[..., int | None]) -> Callable[..., None]:
    """`command` with its errors as sentences on stderr and as exit statuses."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        try:
            status = command(*args, **kwargs) or 0
            _flush()
        except LexelError as error:
            _say("lexel: " + str(error).replace("\n", "\n       "))  # a caret stays under its character
            status = error.exit
        except (KeyboardInterrupt, Terminated) as error:
            _say(f"lexel: interrupted; what is finished stays. To go on:\n{shlex.join(sys.argv)}")
            status = 143 if isinstance(error, Terminated) else 130
        except (typer.Exit, typer.Abort, SystemExit):
            raise
        except Exception:  # whatever this is, it is ours
            _say(f"lexel: this is a defect of lexel; the report lies at\n{_report(traceback.format_exc())}")
            status = DEFECT
        raise typer.Exit(status)

    return run


class Terminated(BaseException):
    """SIGTERM: leave as Ctrl-C does."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _flush() -> None:
    """Write what is buffered now, so that a full disk is an error and not a message at exit."""
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python tries again at exit
        raise OutputError(error.strerror or "cannot be written", subject="stdout") from error


def _say(text: str) -> None:
    from lexel.drawing.terminal import escaped

    print("\n".join(map(escaped, text.split("\n"))), file=sys.stderr)


def _note(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """A warning is a sentence for the user: without the line of code that gave it."""
    _say(f"note: {message}")


def _report(text: str) -> str:
    """Keep a traceback where the user finds it; where nothing can be written, show it instead."""
    name = f"defect-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}.txt"
    path = settings().home / "reports" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"lexel {' '.join(map(repr, sys.argv[1:]))}\n\n{text}", encoding="utf-8")
    except OSError:
        return text
    return str(path)


def _version(shown: bool) -> None:
    if shown:
        from lexel import __version__

        print(f"lexel {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version."),
) -> None:
    """The tokenizer toolkit for images: pictures to tokens, fewer of them, and what each is worth.

    \b
    lexel tokenize photos/ --with "patch(16)" -o tokens/
    lexel show photo.jpg --with "quadtree(8, 64)" -o leaves.png
    lexel demo
    """


for command in COMMANDS:
    app.command()(guarded(command))
for name, command in MODELS.items():
    models_app.command(name)(guarded(command))
for name, command in EVALS.items():
    eval_app.command(name)(guarded(command))
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")
