"""new, train, push: a model of your own, from your own folder of pictures."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from lexel.cli.common import Json, Overwrite
from lexel.errors import NoMatch

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A folder that `lexel new` made, or the .toml file in it.")]


def new(
    task: Annotated[str, typer.Argument(metavar="TASK", help="clip, siglip, mae, tokenizer or finetune.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="To make; its name becomes the model's.")],
    data: Annotated[
        str | None,
        typer.Option(metavar="WHERE", help="The pictures: folder, table, tars, hf:NAME; else FOLDER/pictures."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="What fine-tuning starts from: org/name or ./folder.")
    ] = None,
    quantizer: Annotated[
        str | None, typer.Option(metavar="TEXT", help='What makes codes of a tokenizer, such as "fsq(8, 5, 5, 5)".')
    ] = None,
    down: Annotated[
        int | None, typer.Option(metavar="N", help="Pixels of a side of a tokenizer's cell: 4, 8, 16 or 32.")
    ] = None,
) -> None:
    """Begin a model: write a folder with one file, in which every line says what it does.

    \b
    lexel new clip mymodel --data photos/
    lexel new siglip mymodel                         many languages; better with small batches
    lexel new mae mymodel --data photos/             from pictures without captions
    lexel new tokenizer mytok --quantizer "fsq(8, 5, 5, 5)" --down 8
    lexel new finetune mymodel --model openai/clip-vit-base-patch32 --data photos/

    The file runs as it is. photos/ holds name.jpg and beside it name.txt, a caption a line.
    """
    from lexel.drawing.terminal import escaped
    from lexel.training.recipes import new as write

    path = write(task, folder, source=data, start=model, quantizer=quantizer, down=down)
    print(escaped(str(path)))
    print(f"Edit it, or leave it as it is. Then: lexel train {escaped(str(folder))}", file=sys.stderr)


def train(
    run: Run,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say how long it would take, and stop.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Train a model that cannot learn a small batch by heart.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> int:
    """Train what a file describes, and go on where it was stopped.

    \b
    lexel train mymodel
    lexel train mymodel --dry-run
    torchrun --nproc-per-node 8 --no-python lexel train mymodel

    First it learns one small batch by heart, which finds most mistakes in seconds, and says how long all of it will
    take. Ctrl-C saves and says how to go on; after a crash the same command goes on from the last checkpoint. In the
    end mymodel/ has model/ (for lexel.load and transformers), README.md (the card), curve.html, log.jsonl and
    inputs.jsonl. Needs the extra "train".
    """
    from lexel.drawing.terminal import console
    from lexel.settings import settings
    from lexel.training.run import run as go

    went = go(run, console(settings(), sys.stderr), dry_run=dry_run, overwrite=overwrite, anyway=anyway)
    if went.model is not None:
        said = {"model": str(went.model), "steps": went.steps, "measures": went.measures}
        print(json.dumps(said, indent=2) if as_json else said["model"])
    return went.exit


def push(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="org/name on the Hugging Face hub.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    private: Annotated[bool, typer.Option("--private", help="For your eyes alone, where it is made now.")] = False,
    as_json: Json = False,
) -> None:
    """Publish a model that was trained: its files and its card.

    \b
    lexel push mymodel org/name --dry-run
    lexel push mymodel org/name --private

    Look at the dry run first: it shows every file and the whole card, and needs no network. Settings, log and pictures
    stay here.
    """
    from lexel.drawing.terminal import console, escaped, table
    from lexel.loading.hub import publish
    from lexel.settings import settings
    from lexel.training.folder import Folder

    files = Folder.of(run).published(name)
    if not files:
        raise NoMatch("has no model yet", subject=str(run), hint=f"lexel train {run}")
    sizes = {
        file: len(content) if isinstance(content, bytes) else content.stat().st_size for file, content in files.items()
    }
    text = files["README.md"]
    assert isinstance(text, bytes)
    if not dry_run:
        address = publish(files, name, private=private)
        print(json.dumps({"address": address, "files": sizes}, indent=2) if as_json else address)
    elif as_json:
        print(json.dumps({"name": name, "files": sizes, "card": text.decode()}, indent=2, ensure_ascii=False))
    else:
        rows = [(file, f"{size:,}") for file, size in sizes.items()]
        table(console(settings(), sys.stdout), (f"to {name}", "bytes"), rows, right=[1])
        print("\n" + "\n".join(map(escaped, text.decode().splitlines())))
        print(f"\nNothing was sent. To send it: lexel push {escaped(str(run))} {name}", file=sys.stderr)
