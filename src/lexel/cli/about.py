"""methods, doctor, demo: what there is, whether it works here, and what it looks like."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexel.cli.common import Json
from lexel.shipped import TOYS

if TYPE_CHECKING:
    from lexel.pipelines.registry import Method


AFTER_CODES = """\
lexel tokenize photo.jpg --with lexel/photo-fsq -o codes.safetensors
lexel detokenize codes.safetensors -o back/
lexel sample -n 4 -o new/
lexel new tokenizer mytok --quantizer "fsq(8, 5, 5, 5)" --down 8"""


def methods(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="One method; without it, all of them.")] = None,
    as_json: Json = False,
) -> int:
    """List the methods that a pipeline can name and the families of models that it can load, or explain one.

    \b
    lexel methods
    lexel methods tome
    lexel methods clip
    lexel methods --json

    A method is named in a pipeline; of a family a model is: openai/clip-vit-base-patch32, ./folder.
    """
    from lexel.drawing.terminal import console, table
    from lexel.pipelines import registry
    from lexel.settings import settings

    if name is not None:
        return _explain(name, as_json=as_json)
    found = [
        {
            "name": method.name,
            "kind": method.fields.get("Kind", "plug-in").partition(";")[0],
            "sentence": method.sentence or f"from {method.room}",
            "paper": method.fields.get("Paper", ""),
        }
        for method in [*registry.methods(), *registry.families()]
    ]
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    results = console(settings(), sys.stdout)
    table(results, ["name", "kind", "what it does", "paper"], [list(method.values()) for method in found])
    console(settings(), sys.stderr).print("\nlexel methods NAME says more about one; lexel demo NAME shows it.")
    return 0


def doctor(as_json: Json = False) -> int:
    """Check the installation: versions, codecs, extras, plug-ins, and that tokens are what they should be.

    \b
    lexel doctor
    lexel doctor --json

    Exits with 1 when a check failed.
    """
    from lexel.cli.checks import checks
    from lexel.drawing.terminal import console, table
    from lexel.settings import settings

    done = checks(settings())
    failed = [check for check in done if check.state == "failed"]
    if as_json:
        print(json.dumps({"ok": not failed, "checks": [dataclasses.asdict(check) for check in done]}, indent=2))
    else:
        rows = [[check.state, check.name, check.said] for check in done]
        table(console(settings(), sys.stdout), ["", "what", "how it is"], rows)
        said = f"{len(failed)} check{'s' * (len(failed) > 1)} failed." if failed else "Everything works."
        console(settings(), sys.stderr).print(f"\n{said}")
    return 1 if failed else 0


def demo(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help='A method, "emoji", "codes" or "train"; without it, a tour.')
    ] = None,
    picture: Annotated[str | None, typer.Argument(metavar="PICTURE", help="Yours; without it, one of ours.")] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the page.")] = Path("demo"),
    as_json: Json = False,
) -> int:
    """See pictures become tokens: a table here, and a page to look at.

    \b
    lexel demo
    lexel demo tome
    lexel demo quadtree photo.jpg -o mine/
    lexel demo emoji
    lexel demo codes
    lexel demo train

    Needs no network and no pictures of yours: eight free photographs come with lexel. The page is DIR/index.html;
    the tour ends with a comparison, DIR/report.html. "emoji" looks for drawings by words with a toy model, "codes"
    makes codes of photographs, photographs of codes, and pictures that nobody took, and "train" trains a model of your
    own on 200 drawings in two minutes; these need the extra "torch".
    """
    if name in OTHERS:
        return OTHERS[name](output, as_json=as_json)
    from lexel.cli.tour import Row, compared, one_method, tour
    from lexel.disk import commit_bytes
    from lexel.drawing.terminal import console, escaped, preview, table
    from lexel.settings import settings

    talk = console(settings(), sys.stderr)
    shown = tour(talk) if name is None else one_method(name, picture)
    page, report = output / "index.html", output / "report.html"
    commit_bytes(page, shown.page.encode())
    if name is None:
        compared(talk).save(report)
    if as_json:
        pages = {"page": str(page)} | ({"report": str(report)} if name is None else {})
        print(json.dumps({**pages, "rows": [row.document() for row in shown.rows]}, indent=2))
        return 0
    results = console(settings(), sys.stdout)
    preview(results, shown.seen)
    table(results, Row.COLUMNS, [row.cells() for row in shown.rows], right=range(1, len(Row.COLUMNS)))
    said = f"\nThe page lies in {escaped(str(page))}: open it in a browser."
    if name is None:
        said += f"\nBeside JPEG, WebP and the baselines: {escaped(str(report))}."
    talk.print(f"{said} Then try:\n\n{shown.after}", soft_wrap=True)
    return 0


def _emoji(output: Path, *, as_json: bool) -> int:
    """Drawings that come with lexel, found by words."""
    from lexel.cli import toy
    from lexel.disk import commit_bytes
    from lexel.drawing.terminal import console, escaped, table
    from lexel.settings import settings

    found, written = toy.find(toy.drawings()), output / "emoji.html"
    commit_bytes(written, toy.page(found).encode())
    if as_json:
        document = {"page": str(written), "found": [one.document() for one in found]}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    table(console(settings(), sys.stdout), toy.Found.COLUMNS, [one.cells() for one in found])
    said = f"\nThe drawings lie in {escaped(str(written))}. A toy found them: {TOYS[toy.MODEL]}."
    console(settings(), sys.stderr).print(said, soft_wrap=True)
    return 0


def _codes(output: Path, *, as_json: bool) -> int:
    """Photographs through the vocabularies that come with lexel, and pictures that nobody took."""
    from lexel.cli import codes
    from lexel.disk import commit_bytes
    from lexel.drawing.terminal import console, escaped, progress, table
    from lexel.settings import settings

    talk, written, report = console(settings(), sys.stderr), output / "codes.html", output / "codes-report.html"
    with progress(talk, codes.STEPS, noun="steps") as advance:
        shown = codes.show(lambda: advance(1))
    commit_bytes(written, codes.page(shown).encode())
    with progress(talk, None, noun="ways") as advance:
        codes.compared(lambda way: advance(1)).save(report)
    if as_json:
        document = {"page": str(written), "report": str(report), "rows": [one.document() for one in shown.kept]}
        print(json.dumps(document, indent=2))
        return 0
    table(console(settings(), sys.stdout), codes.Kept.COLUMNS, [one.cells() for one in shown.kept], right=range(2, 7))
    pages = f"The pictures lie in {escaped(str(written))}, beside JPEG and WebP in {escaped(str(report))}."
    talk.print(f"\n{pages} Then try:\n\n{AFTER_CODES}", soft_wrap=True)
    return 0


def _train(output: Path, *, as_json: bool) -> int:
    """A small model of these drawings, from nothing."""
    from lexel.cli import learning, toy
    from lexel.drawing.terminal import console, escaped, progress
    from lexel.settings import settings

    talk, known = console(settings(), sys.stderr), toy.drawings()
    with progress(talk, learning.STEPS, noun="steps") as advance:
        learned = learning.learn(known, output, lambda step: advance(1), steps=learning.STEPS)
    if as_json:
        document = {"model": str(learned.model), "before": learned.before, "after": learned.after}
        print(json.dumps(document, indent=2))
        return 0
    shares = f"{learned.before:.1%} before, {learned.after:.1%} after; chance {1 / len(known):.1%}"
    print(f"R@1 on views of {len(known)} drawings that were held out: {shares}")
    said = f"\nThe model lies in {escaped(str(learned.model))}, its data beside it: a folder like yours. Then try:\n\n"
    talk.print(f"{said}lexel new clip mymodel --data photos/\nlexel train mymodel", soft_wrap=True)
    return 0


def _explain(name: str, *, as_json: bool) -> int:
    """One method: its drawn head, how it is called, and what its class says."""
    import inspect

    from lexel.pipelines import registry

    family = next((family for family in registry.families() if family.name == name), None)
    if family is not None:
        return _explain_family(family, as_json=as_json)
    found = registry.find(name)
    method = next(method for method in registry.methods() if method.name == name)
    signature = inspect.signature(found).replace(return_annotation=inspect.Signature.empty)
    said = inspect.getdoc(found) or ""
    if as_json:
        document = {
            "name": name,
            "sentence": method.sentence,
            "drawing": method.drawing,
            "signature": f"{name}{signature}",
            "arguments": [
                {"name": p.name, "named": p.kind is p.KEYWORD_ONLY, "required": p.default is p.empty}
                | ({} if p.default is p.empty else {"default": repr(p.default)})
                for p in signature.parameters.values()
            ],
            "about": said,
            **_fields(method),
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return 0
    _print(method.sentence, method.drawing, f"{name}{signature}", said, _said(method))
    return 0


def _explain_family(family: "Method", *, as_json: bool) -> int:
    """A family of models: its drawn head."""
    if as_json:
        document = {"name": family.name, "sentence": family.sentence, "drawing": family.drawing, **_fields(family)}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(family.sentence, family.drawing, _said(family))
    return 0


def _fields(method: "Method") -> dict[str, str]:
    return {key.lower().replace(" ", "_"): value for key, value in method.fields.items()}


def _said(method: "Method") -> str:
    return "\n".join(f"{key:<10} {value}" for key, value in method.fields.items())


def _print(*blocks: str) -> None:
    """Blocks of text on stdout, an empty line after each."""
    from lexel.drawing.terminal import console, escaped
    from lexel.settings import settings

    results = console(settings(), sys.stdout)
    for block in filter(None, blocks):
        results.print("\n".join(map(escaped, block.splitlines())), soft_wrap=True)
        results.print()


OTHERS = {"emoji": _emoji, "codes": _codes, "train": _train}
