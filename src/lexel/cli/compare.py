"""compare, cost: what tokens are worth, and what they are billed as."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lexel.cli.common import Inputs, Json, Jsonl, read_inputs, watched
from lexel.errors import BadArguments, LexelError, NoMatch

if TYPE_CHECKING:
    from lexel.costs.bill import Bill
    from lexel.pictures.picture import Refusal, Source

REPORTS = (".html", ".json")
OUTLIERS_SHOWN = 20  # in the table; --json has all
MILLION = 1_000_000


def compare(
    inputs: Inputs,
    pipelines: Annotated[
        list[str], typer.Option("--with", metavar="PIPELINE", help="A way to tokenize; may be given again.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT", help="A .html report or a .json file as well.")
    ] = None,
    stability: Annotated[
        bool, typer.Option("--stability", help="Tell how many codes flip under noise, JPEG and the like.")
    ] = False,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Compare ways to tokenize on your pictures: what each costs and what it keeps, beside honest baselines.

    \b
    lexel compare photos/ --with "patch(16)" --with "quadtree(8, 64)" -o report.html
    lexel compare photos/ --with "patch(16) | tome(r=98)" --json

    Each method runs in a process of its own. JPEG and WebP stand beside it at as many bits, and beside a reducer
    random choice and resizing at as many tokens.
    """
    from lexel.drawing.terminal import console, progress, table
    from lexel.measures.compare import compare as measure
    from lexel.measures.table import columns, lines, remarks
    from lexel.settings import settings

    if output is not None and output.suffix not in REPORTS:
        raise BadArguments(f"{output.suffix or 'no suffix'} is no form of report", hint=f"one of {', '.join(REPORTS)}")
    pictures, refused = watched(read_inputs(inputs))
    try:
        with progress(console(settings(), sys.stderr), None, noun="ways") as advance:
            comparison = measure(pictures, pipelines, stability=stability, progress=lambda way: advance(1))
    except NoMatch:
        return _told(refused) or 1  # the failures are the reason that there is no picture
    if output is not None:
        comparison.save(output)
    if as_json:
        print(comparison.to_json())
    elif as_jsonl:
        sys.stdout.writelines(json.dumps(row.plain(), ensure_ascii=False) + "\n" for row in comparison.rows)
    else:
        heads = columns(comparison.standings)
        table(console(settings(), sys.stdout), heads, lines(comparison.standings), right=range(1, len(heads)))
        for standing in comparison.standings:
            if remark := remarks(standing):
                print(f"{standing.row.way}: {remark}")
    return _told(refused)


@dataclass(frozen=True)
class Priced:
    """One input: its size from the header, its tokens in each model; or why not."""

    input: str
    status: str
    height: int | None = None
    width: int | None = None
    tokens: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    reason: str | None = None

    def text(self) -> str:
        """One line of JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if value not in (None, {})}) + "\n"


def cost(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="PICTURE", help="Files, folders, globs, tars, zips; - is stdin.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="A language model; may be given again.")
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="PRICE", help="For a million input tokens: 2.5, NAME=2.5, or a TOML file with [prices]."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="BILL", help="JSON lines of reported usage to compare with the rules.")
    ] = None,
    as_json: Json = False,
    as_jsonl: Jsonl = False,
) -> int:
    """Count the image tokens of pictures in language models, from their sizes alone.

    \b
    lexel cost photos/ --model qwen2.5-vl --model gpt-4o
    lexel cost photos/ --model gpt-4o --price 2.50
    lexel cost --check bill.jsonl
    lexel cost                                  the models there are

    Only headers are read. Prices are yours: lexel ships none.
    """
    if check is not None:
        return _checked(check, as_json=as_json)
    if not model:
        if inputs:
            raise BadArguments("say which language model", hint="--model NAME; `lexel cost` lists them")
        return _listed(as_json=as_json)
    prices = _prices(price or [], model)
    lines = list(_priced(inputs or [], model))
    totals = {name: sum(line.tokens.get(name, 0) for line in lines) for name in model}
    if as_jsonl:
        sys.stdout.writelines(line.text() for line in lines)
    elif as_json:
        costs = {name: totals[name] * prices[name] / MILLION for name in prices}
        document = {"models": totals, "prices": prices, "costs": costs, "inputs": [json.loads(x.text()) for x in lines]}
        print(json.dumps(document, indent=2))
    else:
        _table(lines, totals, prices)
    failed = [line for line in lines if line.status == "failed"]
    for line in failed[:OUTLIERS_SHOWN]:
        _talk(f"failed  {line.input}: {line.error}, {line.reason}")
    if not lines:
        _talk("lexel: no input there")
        return 1
    return 3 if failed else 0


def _priced(inputs: list[str], models: list[str]) -> Iterator[Priced]:
    from lexel.costs.count import image_tokens
    from lexel.pictures.picture import Refusal

    for name in models:
        image_tokens(name, height=512, width=512)  # an unknown model is known before the first file is opened
    for source in read_inputs(inputs).sources():
        if isinstance(source, Refusal):
            yield Priced(source.name, source.status, error=source.error, reason=source.reason)
            continue
        try:
            height, width = _size(source)
            tokens = {name: int(image_tokens(name, height=height, width=width)) for name in models}
            yield Priced(source.name, "done", height, width, tokens)
        except LexelError as error:
            yield Priced(source.name, "failed", error=type(error).__name__, reason=error.reason)


def _size(source: "Source") -> tuple[int, int]:
    from lexel.pictures.header import upright_size

    content = source.content
    if not isinstance(content, bytes | Path):
        raise BadArguments("only files and bytes have headers", subject=source.name)
    return upright_size(content)


def _prices(said: list[str], models: list[str]) -> dict[str, float]:
    """Price of a million tokens by model, of the models asked for."""
    from lexel.costs.bill import load_prices

    prices: dict[str, float] = {}
    for text in said:
        name, equals, number = text.rpartition("=")
        if text.endswith(".toml"):
            prices |= load_prices(Path(text))
            continue
        try:
            prices |= {name: float(number)} if equals else dict.fromkeys(models, float(number))
        except ValueError:
            raise BadArguments(f"{text!r} is no price", hint="2.5, NAME=2.5, or a TOML file with [prices]") from None
    return {name: prices[name] for name in models if name in prices}


def _table(lines: list[Priced], totals: dict[str, int], prices: dict[str, float]) -> None:
    from lexel.drawing.terminal import console, table
    from lexel.settings import settings

    done = [line for line in lines if line.status == "done"]
    rows = []
    for name, total in totals.items():
        counts = [line.tokens[name] for line in done]
        least, mean, most = (min(counts), total / len(counts), max(counts)) if counts else (0, 0, 0)
        row = [name, f"{total:,}", f"{least:,}", f"{mean:,.0f}", f"{most:,}"]
        rows.append([*row, f"{total * prices[name] / MILLION:,.4f}" if name in prices else ""])
    columns = ["model", "tokens", "least", "mean", "most", "price"]
    width = 6 if prices else 5
    screen = console(settings(), sys.stdout)
    table(screen, columns[:width], [row[:width] for row in rows], right=range(1, width))
    print(f"{len(done):,} pictures" + (f"; {len(lines) - len(done):,} others" if len(done) < len(lines) else ""))


def _listed(*, as_json: bool) -> int:
    from lexel.costs.count import models
    from lexel.drawing.terminal import console, table
    from lexel.settings import settings

    if as_json:
        known = [{"name": m.name, "stands_for": m.stands_for, "dated": m.dated, "source": m.source} for m in models()]
        print(json.dumps(known, indent=2))
    else:
        rows = [(m.name, m.stands_for, m.dated) for m in models()]
        table(console(settings(), sys.stdout), ("model", "stands for", "compared with, or read on"), rows)
    return 0


def _checked(path: Path, *, as_json: bool) -> int:
    from lexel.costs.bill import check_bill
    from lexel.pictures.header import upright_size

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadArguments(f"cannot be read: {error}", subject=str(path)) from error
    bill = check_bill(text.splitlines(), size_of=lambda name: upright_size(path.parent / name))
    _tell_bill(bill, as_json=as_json)
    return 3 if bill.failed else int(bool(bill.outliers()))


def _tell_bill(bill: "Bill", *, as_json: bool) -> None:
    from lexel.drawing.terminal import console, table
    from lexel.settings import settings

    outliers = bill.outliers()
    if as_json:
        sums = {"lines": len(bill.lines), "counted": bill.counted, "reported": bill.reported}
        rest = {"outliers": [asdict(line) for line in outliers], "failed": [asdict(line) for line in bill.failed]}
        print(json.dumps(sums | rest, indent=2))
        return
    print(
        f"{len(bill.compared):,} lines compared: {bill.reported:,} tokens reported, {bill.counted:,} by the rules; "
        f"{len(outliers):,} lines differ"
    )
    rows = [
        (str(line.number), line.input, line.model, f"{line.reported:,}", f"{line.counted:,}", f"{line.difference:+,}")
        for line in outliers[:OUTLIERS_SHOWN]
    ]
    if rows:
        columns = ("line", "input", "model", "reported", "by the rule", "difference")
        table(console(settings(), sys.stdout), columns, rows, right=(0, 3, 4, 5))
    for line in bill.failed[:OUTLIERS_SHOWN]:
        _talk(f"failed  line {line.number}: {line.error}, {line.reason}")


def _told(refused: "list[Refusal]") -> int:
    """Say what failed; the exit status that it gives."""
    failed = [refusal for refusal in refused if refusal.status == "failed"]
    for refusal in failed[:OUTLIERS_SHOWN]:
        _talk(f"failed  {refusal.name}: {refusal.error}, {refusal.reason}")
    return 3 if failed else 0


def _talk(text: str) -> None:
    from lexel.drawing.terminal import escaped

    print(escaped(text), file=sys.stderr)
