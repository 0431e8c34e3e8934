"""What commands share: options, reading inputs, and telling what became of them."""

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lexel.errors import BadArguments, LexelError

if TYPE_CHECKING:
    from lexel.pictures.picture import Picture, Pictures, Refusal, Source
    from lexel.runs.account import Account
    from lexel.towers._backbone import Backbone

Inputs = Annotated[list[str], typer.Argument(metavar="PICTURE", help="Files, folders, globs, tars, zips; - is stdin.")]
With = Annotated[str, typer.Option("--with", metavar="PIPELINE", help='How, such as "patch(16) | tome(r=98)".')]
Output = Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="Where to; the suffix decides the form.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="Print a line of JSON an input.")]

FAILURES_SHOWN = 20  # on stderr; the accounting has all


def read_inputs(
    inputs: list[str],
    *,
    on_error: Literal["raise", "skip"] = "skip",
    color: Literal["encoded", "srgb"] = "encoded",
    shrink: int | None = None,
) -> "Pictures":
    """The pictures of a command line; `-` reads one from stdin. Many are accounted for, a single one raises."""
    from lexel.pictures.picture import Source
    from lexel.pictures.read import read

    if inputs.count("-") > 1:
        raise BadArguments("stdin can be read once")
    sources = [Source("-", sys.stdin.buffer.read()) if text == "-" else text for text in inputs]
    return read(sources, on_error=on_error, color=color, shrink=shrink)


def watched(pictures: "Pictures") -> tuple["Pictures", "list[Refusal]"]:
    """The same pictures, and a list that fills with what was refused while they are read once."""
    refused: list[Refusal] = []

    def decode(source: "Source") -> "Picture":
        try:
            return pictures.decode(source)
        except LexelError as error:
            from lexel.pictures.picture import Refusal

            refused.append(Refusal.of(error, source.name))
            raise

    def walk() -> "Iterator[Source | Refusal]":
        from lexel.pictures.picture import Refusal

        for source in pictures.walk():
            if isinstance(source, Refusal):
                refused.append(source)
            yield source

    return replace(pictures, decode=decode, walk=walk), refused


def backbone(model: str) -> "Backbone":
    """The image tower of that name. Raises `BadArguments` for a model that gives no vector a picture."""
    from lexel.loading.load import load
    from lexel.towers._backbone import Backbone

    tower = load(model, part="image")
    if not isinstance(tower, Backbone):
        raise BadArguments("gives no vector a picture", subject=model, hint="lexel tokenize takes what it gives")
    return tower


def png_bytes(picture: "Picture") -> bytes:
    """A picture as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture.pixels).save(file, "PNG")
    return file.getvalue()


def tell(account: "Account", output: Path, *, as_json: bool, as_jsonl: bool) -> int:
    """Print the accounting: JSON on stdout where asked for, else one line there and the failures on stderr.

    Returns the exit status: 3 where an input failed, 1 where there was none.
    """
    from lexel.drawing.terminal import escaped

    if as_jsonl:
        sys.stdout.writelines(line.text() for line in account.lines)
    elif as_json:
        said = {status: account.count(status) for status in ("done", "failed", "skipped")}
        lines = [json.loads(line.text()) for line in account.lines]
        print(json.dumps({"output": str(output), "tokens": account.tokens, **said, "inputs": lines}, indent=2))
    else:
        print(f"{account}; {account.tokens:,} tokens in {escaped(str(output))}")
        failed = [line for line in account.lines if line.status == "failed"]
        for line in failed[:FAILURES_SHOWN]:
            print(f"failed  {escaped(line.input)}: {line.error}, {line.reason}", file=sys.stderr)
        if len(failed) > FAILURES_SHOWN:
            print(f"… and {len(failed) - FAILURES_SHOWN:,} more, in the accounting", file=sys.stderr)
    if not account.lines:
        print("lexel: no input there", file=sys.stderr)
    return account.exit
