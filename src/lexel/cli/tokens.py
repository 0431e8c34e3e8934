"""tokenize, detokenize, show: pictures to tokens, back again, and what that looks like."""

import json
import re
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from lexel.cli.common import Inputs, Json, Jsonl, Output, Overwrite, With, png_bytes, read_inputs, tell
from lexel.errors import BadArguments, NoMatch

if TYPE_CHECKING:
    from lexel.pictures.picture import Picture, Pictures
    from lexel.pipelines.compose import Pipeline
    from lexel.tokens.value import Tokens

FORMS = ("", ".safetensors", ".parquet")
DRAWN = (".png", ".svg", ".html")
Paint: TypeAlias = Literal["pca", "attention", "rollout", "stages"]


def tokenize(
    inputs: Inputs,
    pipeline: With,
    output: Output,
    shrink: Annotated[
        int | None, typer.Option(min=1, help="Longest side wanted: JPEGs are decoded at 1/2, 1/4 or 1/8, faster.")
    ] = None,
    color: Annotated[
        Literal["encoded", "srgb"], typer.Option(help="Pixel values as stored, or with embedded profiles applied.")
    ] = "encoded",
    overwrite: Overwrite = False,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Turn pictures into tokens.

    \b
    lexel tokenize photo.jpg --with "patch(16)" -o photo.safetensors
    lexel tokenize photos/ --with "quadtree(8, 64) | random_drop(0.5)" -o tokens/
    lexel tokenize "*.tar" --with "patch(16, size=224)" -o tokens/ --jsonl
    lexel tokenize photo.jpg --with "patch(16)" -o - | lexel detokenize - -o back/

    OUT is one file where it ends in .safetensors or .parquet, else a folder of shards. OUT.inputs.jsonl says what
    became of every input. The same command again goes on where it was interrupted.
    """
    from lexel import __version__
    from lexel.drawing.terminal import console, progress
    from lexel.pipelines.compose import pipeline as compose
    from lexel.runs.manifest import Job
    from lexel.runs.manifest import tokenize as run
    from lexel.settings import settings

    out = Path(output)
    if output == "-":
        return _into_pipe(read_inputs(inputs, color=color, shrink=shrink), compose(pipeline))
    if out.suffix not in FORMS and not output.endswith("/") and not out.is_dir():
        raise BadArguments(f"{out.suffix} is no form of tokens", hint="-o NAME.safetensors, NAME.parquet or FOLDER/")
    if out.suffix == ".parquet":
        from lexel.needs import pyarrow  # noqa: F401  # what is missing is missing before the first picture
    how = compose(pipeline)
    pictures = read_inputs(inputs, color=color, shrink=shrink)
    job = Job(str(how), __version__, f"color={color}, shrink={shrink}", pictures.fingerprint())
    with progress(console(settings(), sys.stderr), pictures.expected(), noun="inputs") as advance:
        account = run(pictures, how, out, job, overwrite=overwrite, on_batch=lambda b: advance(len(b.lines)))
    return tell(account, out, as_json=as_json, as_jsonl=as_jsonl)


def _into_pipe(pictures: "Pictures", how: "Pipeline") -> int:
    """Tokens as safetensors on stdout, what became of the inputs on stderr."""
    from lexel.runs.account import Account
    from lexel.runs.run import run
    from lexel.tokens.files import dumps
    from lexel.tokens.value import Tokens

    batches = list(run(pictures, how))
    account = Account(tuple(line for batch in batches for line in batch.lines))
    tokens = [batch.tokens for batch in batches if len(batch.tokens)]
    sys.stdout.buffer.write(dumps(Tokens.concat(tokens) if tokens else how([])))
    with redirect_stdout(sys.stderr):
        return tell(account, Path("-"), as_json=False, as_jsonl=False)


def detokenize(
    tokens: Annotated[Path, typer.Argument(metavar="TOKENS", help="What tokenize wrote: file, folder, - is stdin.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the pictures.")],
    overwrite: Overwrite = False,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Turn tokens back into pictures, where their pipeline can be undone.

    \b
    lexel tokenize photo.jpg --with "patch(16)" -o photo.safetensors
    lexel detokenize photo.safetensors -o back/

    Pictures are written as PNG, named by the last part of their name. DIR.inputs.jsonl says what became of every one.
    """
    from lexel.disk import commit_bytes
    from lexel.pipelines.compose import pipeline as compose
    from lexel.pipelines.compose import recipe_text
    from lexel.runs.account import Account, Line, write_lines
    from lexel.runs.manifest import beside
    from lexel.tokens.files import loads
    from lexel.tokens.stream import read_shards
    from lexel.tokens.value import Tokens

    batches: Iterable[Tokens]
    if str(tokens) == "-":
        batches = [loads(sys.stdin.buffer.read())]
    else:
        batches = read_shards(tokens) if tokens.is_dir() else [Tokens.load(tokens)]
    lines: list[Line] = []
    taken: set[str] = set()
    for batch in batches:
        how = compose(recipe_text(batch.recipe))
        for b in range(len(batch)):
            [picture] = how.detokenize(batch[b])
            path = output / _file_name(picture.name, taken)
            if path.exists() and not overwrite:
                raise BadArguments("is there already", subject=str(path), hint="--overwrite replaces it")
            commit_bytes(path, png_bytes(picture))
            lines.append(Line(picture.name, "done", tokens=int(batch.counts[b])))
    write_lines(beside(output, "inputs.jsonl"), lines)
    return tell(Account(tuple(lines)), output, as_json=as_json, as_jsonl=as_jsonl)


def show(
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="One picture; - is stdin.")],
    pipeline: With,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="A .png, .svg or .html file.")],
    words: Annotated[
        str | None, typer.Option(metavar="WORDS", help="a, b, c: paint where a model of words sees each of them.")
    ] = None,
    paint: Annotated[Paint | None, typer.Option(help="What to paint instead, of what a model makes of it.")] = None,
) -> None:
    """Draw tokens on a picture: cells, merged regions, levels, what comes back and what is lost.

    \b
    lexel show photo.jpg --with "quadtree(8, 64)" -o leaves.png
    lexel show photo.jpg --with "patch(16) | tome(r=200)" -o merged.html
    lexel show photo.jpg --with "patch(16) | pool(2)" -o pooled.svg
    lexel show photo.jpg --with openai/clip-vit-base-patch16 --words "dog, snow" -o words.html
    lexel show photo.jpg --with facebook/dinov2-small --paint pca -o colours.png

    --paint pca: like tokens in like colours, the three principal components of any vectors. --paint attention: where
    the class token looks, head by head, and what is looked at, in the last block. --paint rollout: the same through
    all blocks. --paint stages: the colours of pca at every stage of a hierarchy, side by side.
    """
    from lexel.disk import commit_bytes
    from lexel.drawing import html
    from lexel.drawing.png import png
    from lexel.drawing.sheet import sheet
    from lexel.drawing.svg import svg
    from lexel.drawing.terminal import escaped
    from lexel.drawing.views import views
    from lexel.pipelines.compose import pipeline as compose

    if output.suffix not in DRAWN:
        raise BadArguments(f"{output.suffix or 'no suffix'} is no form of drawing", hint=f"one of {', '.join(DRAWN)}")
    if words is not None and paint is not None:
        raise BadArguments("--words and --paint are two drawings", hint="one of them at a time")
    how = compose(pipeline)
    found = next(iter(read_inputs([picture], on_error="raise")), None)
    if found is None:
        raise NoMatch("no picture there", subject=picture)
    if paint is not None:
        from lexel.cli.painting import painted

        said, seen = painted(paint, how, found)
    else:
        trace = how.trace(found)
        if words is not None:
            trace = replace(trace, before=_with_words(trace.before, how.tokenizer, found, words))
        said, seen = repr(trace.after), views(trace, found, how.tokenizer)
    if output.suffix == ".html":
        parts = [html.heading(str(how), 1), html.paragraph(f"{found.name}: {said}"), html.figures(seen)]
        data = html.page(f"{found.name} · {how}", parts).encode()
    else:
        drawing = sheet(seen)
        data = png(drawing) if output.suffix == ".png" else svg(drawing, title=str(how)).encode()
    commit_bytes(output, data)
    print(f"{said} in {escaped(str(output))}")


def _with_words(tokens: "Tokens", tokenizer: object, picture: "Picture", words: str) -> "Tokens":
    """The tokens with a column for each word: the cosine of each token and the word, where both live in one space."""
    if not hasattr(tokenizer, "token_similarity"):
        raise BadArguments(f"{tokenizer!r} knows no words", hint="--with a model such as openai/clip-vit-base-patch16")
    texts = list(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    if not texts:
        raise BadArguments("no word in --words", hint='--words "dog, snow"')
    score = tokenizer.token_similarity([picture], texts)["score"]
    return tokens.with_(columns={**tokens.columns, **dict(zip(texts, score.T.copy(), strict=True))})


def explain(
    pipeline: Annotated[str, typer.Argument(metavar="PIPELINE", help='Such as "patch(16) | tome(r=98)".')],
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="One picture; - is stdin.")],
    as_json: Json = False,
) -> None:
    """Follow a picture through the library: which function, where it is written, what goes in and what comes out.

    \b
    lexel explain "patch(16) | tome(r=98)" photo.jpg
    lexel explain "quadtree(8, 64)" photo.jpg --json

    Times are of a run under a profiler: they compare with each other, not with a benchmark.
    """
    from lexel.drawing.terminal import console, table
    from lexel.pipelines.compose import pipeline as compose
    from lexel.pipelines.explain import explain as follow
    from lexel.settings import settings

    stations = follow(compose(pipeline), read_inputs([picture], on_error="raise"))
    if as_json:
        print(json.dumps([asdict(station) for station in stations], indent=2, ensure_ascii=False))
        return
    rows = [
        (
            "  " * station.depth + station.function,
            station.place,
            f"{station.taken} → {station.given}" if station.taken else station.given,
            f"{station.seconds * 1e3:.2f}",
            f"{station.size:,}",
        )
        for station in stations
    ]
    table(console(settings(), sys.stdout), ("station", "where", "in → out", "ms", "bytes"), rows, right=(3, 4))


def _file_name(name: str, taken: set[str]) -> str:
    """A portable file name for a picture of that name, and not one that was given before.

    "photos/a b.tar!x/café.jpg" → "caf_.png"
    """
    last = re.split(r"[/\\!]", name)[-1]
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", last.rsplit(".", 1)[0] or last).strip(".")[:100] or "picture"
    number = 1
    unique = stem
    while f"{unique.lower()}.png" in taken:  # some disks do not tell upper from lower case
        number += 1
        unique = f"{stem}-{number}"
    taken.add(f"{unique.lower()}.png")
    return f"{unique}.png"
