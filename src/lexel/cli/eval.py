"""eval: what an encoder is worth on pictures of yours, by the published measures."""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexel.cli.common import FAILURES_SHOWN, Json, Jsonl, backbone
from lexel.errors import BadArguments

if TYPE_CHECKING:
    from lexel.evals.reading import Numbered, Read
    from lexel.evals.result import Result
    from lexel.pictures.picture import Picture
    from lexel.shapes import Array
    from lexel.towers._dual import Dual

Model = Annotated[
    str, typer.Option("--model", metavar="NAME", help="org/name of the hub, ./folder, or open_clip:NAME/TAG.")
]
Pairs = Annotated[
    str, typer.Argument(metavar="DATA", help="Pictures with captions: folder, .csv, .tsv, .parquet, .tar, hf:NAME.")
]
Classes = Annotated[str, typer.Argument(metavar="FOLDER", help="A folder with a folder of pictures for each class.")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="OUT", help="A .json file for the result and what it is of.")
]
SPARE = 5  # one in so many pictures is held out, where nobody says which


def retrieval(
    data: Pairs,
    model: Model,
    captions: Annotated[
        int | None, typer.Option("--captions", metavar="N", min=1, help="The first N of each picture; else all.")
    ] = None,
    output: Output = None,
    as_json: Json = False,
) -> int:
    """Say how often a caption finds its picture, and a picture one of its captions, among the best 1, 5 and 10.

    \b
    lexel eval retrieval photos/ --model ./my-clip
    lexel eval retrieval coco-test.csv --model openai/clip-vit-base-patch32 --captions 5 -o result.json

    image_retrieval_recall@k: captions that find their picture. text_retrieval_recall@k: pictures that find a caption.
    """
    import numpy as np

    from lexel.evals.result import Result, seen
    from lexel.evals.retrieval import retrieval
    from lexel.training.data import pairs

    encoder, opened = _dual(model), pairs(data)
    read = read_all(encoder.embed, opened)
    said = [opened.captions(index)[:captions] for index in read.kept.tolist()]
    texts = [text for some in said for text in some]
    owner = np.repeat(np.arange(len(said)), [len(some) for some in said])
    metrics = retrieval(read.vectors, encoder.embed(texts), owner)
    test = seen(opened.name, read, captions=opened.digest, texts=len(texts))
    result = Result.of("retrieval", metrics, encoder, {"test": test}, captions=captions or "all")
    return tell_result(result, [read], output, as_json=as_json)


def zero_shot(
    folder: Classes,
    model: Model,
    templates: Annotated[
        list[str] | None,
        typer.Option("--template", metavar="TEXT", help='"imagenet", "imagenet-7", or your own with {}; repeatable.'),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What classes are called: a line each, sorted as the folders."),
    ] = None,
    output: Output = None,
    as_json: Json = False,
) -> int:
    """Say how often the class of a picture is the best one by words alone, or among the best five.

    \b
    lexel eval zero-shot flowers/ --model openai/clip-vit-base-patch32
    lexel eval zero-shot imagenet/val/ --model ./my-clip --names classes.txt -o result.json
    lexel eval zero-shot flowers/ --model ./my-clip --template "a photo of a {}, a type of flower."

    FOLDER holds CLASS/picture.jpg. A class is called as its folder, with spaces for underscores.
    """
    from lexel.evals.classes import classes_of, labels_of
    from lexel.evals.result import Result, seen
    from lexel.evals.zero_shot import zero_shot_accuracy
    from lexel.training.data import pictures_only

    encoder, opened = _dual(model), pictures_only(folder)
    folders = classes_of(opened)
    classes, prompts = _named(folders, names), _templates(templates)
    read = read_all(encoder.embed, opened)
    labels = labels_of(opened, folders)[read.kept]
    metrics = zero_shot_accuracy(encoder, read.vectors, labels, classes, prompts)
    result = Result.of(
        "zero-shot", metrics, encoder, {"test": seen(opened.name, read)}, classes=classes, templates=prompts
    )
    return tell_result(result, [read], output, as_json=as_json)


def clipscore(
    data: Pairs,
    model: Model,
    references: Annotated[
        str | None, typer.Option(metavar="DATA", help="What people wrote about the same pictures, by their names.")
    ] = None,
    output: Output = None,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Score how well each caption fits its picture, as published: 2.5 · max(cosine, 0), of "A photo depicts …".

    \b
    lexel eval clipscore written-by-a-model.csv --model openai/clip-vit-base-patch32
    lexel eval clipscore written.csv --references people.csv --model openai/clip-vit-base-patch32 --jsonl

    The published numbers are of openai/clip-vit-base-patch32; another model has another scale.
    """
    import numpy as np

    from lexel.evals.clipscore import clipscore, refclipscore
    from lexel.evals.result import Result, seen
    from lexel.training.data import pairs

    encoder, opened = _dual(model), pairs(data)
    people = pairs(references) if references else None
    read = read_all(encoder.embed, opened)
    asked = [(row, index, text) for row, index in enumerate(read.kept.tolist()) for text in opened.captions(index)]
    vectors, texts = read.vectors[[row for row, _, _ in asked]], [text for _, _, text in asked]
    names = [opened.key(index) for _, index, _ in asked]
    scores = {"CLIPScore": clipscore(encoder, vectors, texts)}
    about = {"captions": seen(opened.name, read, captions=opened.digest, texts=len(texts))}
    if people is not None:
        known = {people.key(index): people.captions(index) for index in range(len(people))}
        if missing := set(names) - known.keys():
            raise BadArguments(f"has nothing about {min(missing)}", subject=people.name)
        scores["RefCLIPScore"] = refclipscore(encoder, vectors, texts, [known[name] for name in names])
        about["references"] = {"name": people.name, "captions": people.digest}
    metrics = {name: float(np.mean(score)) for name, score in scores.items()}
    if as_jsonl:
        for row, (name, text) in enumerate(zip(names, texts, strict=True)):
            line = {"input": name, "caption": text} | {key: float(score[row]) for key, score in scores.items()}
            print(json.dumps(line, ensure_ascii=False))
    result = Result.of("clipscore", metrics, encoder, about)
    return tell_result(result, [read], output, as_json=as_json, quiet=as_jsonl)


def probe(
    folder: Classes,
    model: Model,
    test: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Pictures to test on; else every fifth of FOLDER, by its name.")
    ] = None,
    knn: Annotated[bool, typer.Option("--knn", help="Ask the 20 nearest neighbours; nothing is fitted.")] = False,
    output: Output = None,
    as_json: Json = False,
) -> int:
    """Say how well classes can be read off an encoder's vectors, by a linear classifier or by nearest neighbours.

    \b
    lexel eval probe flowers/train/ --test flowers/test/ --model facebook/dinov2-small
    lexel eval probe flowers/ --model ./my-clip --knn -o result.json

    Any image tower will do, with words or without. The linear probe chooses its penalty on a fifth of the pictures
    that it is fitted to.
    """
    import numpy as np

    from lexel.evals.classes import classes_of, labels_of
    from lexel.evals.probes import NEIGHBOURS, TEMPERATURE, LinearProbe, features, knn_scores
    from lexel.evals.result import Result, seen
    from lexel.evals.zero_shot import accuracy
    from lexel.training.data import Pairs, pictures_only, split

    encoder, opened = backbone(model), pictures_only(folder)
    classes = classes_of(opened)
    others: Pairs
    known, others = (opened, pictures_only(test)) if test else split(opened, len(opened) // SPARE)
    truth, labels = labels_of(others, classes), labels_of(known, classes)

    def embed(pictures: "Iterable[Picture]") -> "Array":
        return features(encoder, pictures)

    fitted, tested = read_all(embed, known), read_all(embed, others)
    y, about = labels[fitted.kept], {"train": seen(known.name, fitted), "test": seen(others.name, tested)}
    settings: dict[str, object] = {"classes": classes}
    if knn:
        scores = knn_scores(fitted.vectors, y, len(classes), tested.vectors)
        settings |= {"k": NEIGHBOURS, "temperature": TEMPERATURE}
    else:
        _, spare = split(known, len(known) // SPARE, seed=1)
        held_out = np.isin(fitted.kept, spare.indices)
        linear = LinearProbe.searched(fitted.vectors, y, len(classes), held_out=held_out)
        scores = linear.scores(tested.vectors)
        settings |= {"penalty": linear.penalty}
    metrics = accuracy(scores, truth[tested.kept])
    result = Result.of("k-NN probe" if knn else "linear probe", metrics, encoder, about, **settings)
    return tell_result(result, [fitted, tested], output, as_json=as_json)


def _dual(name: str) -> "Dual":
    from lexel.loading.load import load
    from lexel.towers._dual import Dual

    encoder = load(name)
    if not isinstance(encoder, Dual):
        raise BadArguments("knows no words", subject=name, hint="a dual encoder does: openai/clip-vit-base-patch32")
    return encoder


def read_all(embed: "Callable[[Iterable[Picture]], Array]", data: "Numbered") -> "Read":
    """The vectors of all pictures, with progress. Where none can be read, the error of the first is raised."""
    from lexel.drawing.terminal import console, progress
    from lexel.evals.reading import read
    from lexel.settings import settings

    with progress(console(settings(), sys.stderr), len(data)) as advance:
        found = read(embed, data, on_picture=advance)
    if not len(found.kept):
        raise found.failed[0].exception() if found.failed else BadArguments("too few pictures to hold some out")
    return found


def _named(folders: tuple[str, ...], names: Path | None) -> list[str]:
    """What the classes are called in a prompt."""
    from lexel.evals.classes import said

    if names is None:
        return [said(folder) for folder in folders]
    try:
        lines = names.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadArguments("cannot be read as a list of names", subject=str(names)) from error
    if len(lines) != len(folders):
        raise BadArguments(f"has {len(lines):,} lines for {len(folders):,} folders of classes", subject=str(names))
    return [line.strip() for line in lines]


def _templates(said: list[str] | None) -> str | list[str]:
    chosen = said or ["imagenet"]
    return chosen[0] if len(chosen) == 1 else chosen


def tell_result(
    result: "Result", reads: "list[Read]", output: Path | None, *, as_json: bool, quiet: bool = False
) -> int:
    """Save and print a result; what could not be read goes to stderr. Returns the exit status."""
    from lexel.drawing.terminal import console, escaped, table
    from lexel.settings import settings

    if output is not None:
        result.save(output)
    if as_json:
        print(result.text(), end="")
    elif not quiet:
        rows = [(name, f"{value:.4f}") for name, value in result.metrics.items()]
        table(console(settings(), sys.stdout), (result.task, ""), rows, right=[1])
    failed = [refusal for read in reads for refusal in read.failed]
    for refusal in failed[:FAILURES_SHOWN]:
        print(escaped(f"failed  {refusal.name}: {refusal.error}, {refusal.reason}"), file=sys.stderr)
    if len(failed) > FAILURES_SHOWN:
        print(f"… and {len(failed) - FAILURES_SHOWN:,} more, in the result", file=sys.stderr)
    return 3 if failed else 0
