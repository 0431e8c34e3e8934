"""embed, classify: pictures as vectors, and by what words they are nearest to."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexel.cli.common import Inputs, Json, Jsonl, Overwrite, backbone, read_inputs, tell
from lexel.errors import BadArguments

if TYPE_CHECKING:
    from lexel.runs.account import Line

Model = Annotated[
    str, typer.Option("--model", metavar="NAME", help="org/name of the hub, ./folder, or open_clip:NAME/TAG.")
]
Toy = Annotated[bool, typer.Option("--toy", help="Use a toy model all the same.")]
SCORES_SHOWN = 3  # labels a picture, in the table that people read


def embed(
    inputs: Inputs,
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the vectors.")],
    shrink: Annotated[
        int | None, typer.Option(min=1, help="Longest side wanted: JPEGs are decoded at 1/2, 1/4 or 1/8, faster.")
    ] = None,
    overwrite: Overwrite = False,
    toy: Toy = False,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Turn each picture into one vector, beside which words of the same model may be laid.

    \b
    lexel embed photos/ --model openai/clip-vit-base-patch32 -o vectors/
    lexel embed "*.tar" --model ./my-clip -o vectors/ --shrink 448

    DIR holds img_emb/*.npy with unit rows, metadata/*.parquet with a row for each of them, as clip-retrieval has
    them. DIR.inputs.jsonl says what became of every input. The same command again goes
    on where it was interrupted. Needs the extra "data".
    """
    from lexel import __version__
    from lexel.drawing.terminal import console, progress
    from lexel.needs import pyarrow  # noqa: F401  before an hour of work, not after it
    from lexel.runs.manifest import Job, tokenize
    from lexel.runs.vectors import Vectors, one_each
    from lexel.settings import settings
    from lexel.tokens.meaning import Space

    _refuse_a_toy(model, toy)
    tower = backbone(model)
    space = Space("vectors", tower.embed([]).shape[1], digest=f"{tower.digest} embed", name=f"{model}, embedded")
    pictures = read_inputs(inputs, shrink=shrink)
    job = Job(f"embed {model}", __version__, f"weights={tower.digest}, shrink={shrink}", pictures.fingerprint())
    work = one_each(tower.embed, space)
    with progress(console(settings(), sys.stderr), None, noun="inputs") as advance:
        account = tokenize(
            pictures, work, output, job, form=Vectors, overwrite=overwrite, on_batch=lambda b: advance(len(b.lines))
        )
    return tell(account, output, as_json=as_json, as_jsonl=as_jsonl)


def classify(
    inputs: Inputs,
    model: Model,
    labels: Annotated[str, typer.Option("--labels", metavar="LABELS", help="a, b, c; or a text file, a label a line.")],
    templates: Annotated[
        list[str] | None,
        typer.Option("--template", metavar="TEXT", help='"imagenet", "imagenet-7", or your own with {}; repeatable.'),
    ] = None,
    multi: Annotated[bool, typer.Option("--multi", help="Each label by itself: SigLIP can.")] = False,
    scores: Annotated[bool, typer.Option("--scores", help="Plain cosines instead of probabilities.")] = False,
    toy: Toy = False,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Say which label each picture fits best, by the words alone: nothing is trained.

    \b
    lexel classify photos/ --model openai/clip-vit-base-patch32 --labels "dog, cat, something else"
    lexel classify photos/ --model ./my-clip --labels labels.txt --template "a photo of a {}." --jsonl
    lexel classify photo.jpg --model openai/clip-vit-base-patch32 --labels "dog, cat" --scores

    Probabilities are of these labels among each other: a picture of none of them still gets one. A line of --jsonl is
    a line of the accounting with "label" and "scores".
    """
    from lexel.drawing.terminal import escaped
    from lexel.loading.load import load
    from lexel.runs.account import Account
    from lexel.runs.run import run
    from lexel.runs.vectors import one_each
    from lexel.tokens.meaning import Space
    from lexel.towers._dual import Dual

    _refuse_a_toy(model, toy)
    names = _labels(labels)
    said = templates or ["imagenet"]
    encoder = load(model)
    if not isinstance(encoder, Dual):
        raise BadArguments("knows no words", subject=model, hint="a dual encoder does: openai/clip-vit-base-patch32")
    zero_shot = encoder.zero_shot(names, said[0] if len(said) == 1 and "{" not in said[0] else said, multi=multi)
    space = Space("vectors", len(names), digest=f"scores {names}")
    work = one_each(zero_shot.scores if scores else zero_shot, space)
    lines: list[Line] = []
    found: list[dict[str, object]] = []
    for batch in run(read_inputs(inputs), work):
        rows = iter(batch.tokens.data.tolist())
        for line in batch.lines:
            document = json.loads(line.text())
            if line.status == "done":
                by_name = dict(zip(names, next(rows), strict=True))
                best = sorted(by_name, key=lambda name: -by_name[name])
                document |= {"label": best[0], "scores": by_name}
            if as_jsonl:
                print(json.dumps(document))
            elif not as_json and line.status == "done":
                shown = "  ".join(f"{escaped(name)} {by_name[name]:.3f}" for name in best[:SCORES_SHOWN])
                print(f"{escaped(line.input)}  {shown}")
            elif not as_json:
                print(f"{line.status}  {escaped(line.input)}: {line.error}, {line.reason}", file=sys.stderr)
            found.append(document)
        lines += batch.lines
    if as_json:
        print(json.dumps({"labels": names, "inputs": found}, indent=2))
    return Account(tuple(lines)).exit


def _refuse_a_toy(model: str, toy: bool) -> None:
    """What a toy says of somebody's pictures looks like an answer. Raises `BadArguments` unless it was asked for."""
    from lexel.shipped import TOYS

    why = TOYS.get(model.partition("@")[0])
    if why and not toy:
        raise BadArguments(f"is a toy: {why}", subject=model, hint="--toy uses it all the same")


def _labels(text: str) -> list[str]:
    """Labels from a list with commas, or from a file that the text names. Raises `BadArguments` for fewer than one."""
    path = Path(text)
    if path.suffix == ".txt":
        try:
            parts = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadArguments("cannot be read as a list of labels", subject=text) from error
    else:
        parts = text.split(",")
    labels = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not labels:
        raise BadArguments("holds no label", subject=text)
    return labels
