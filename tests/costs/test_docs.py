"""docs/costs.md: its table is that of the code, and its examples answer as they say.

`python tests/costs/test_docs.py` writes the table.
"""

import doctest
from pathlib import Path

from lexel.costs.count import image_tokens, models
from lexel.costs.rule import Model

PAGE = Path(__file__).parent.parent.parent / "docs" / "costs.md"
BEGIN, END = "<!-- models -->\n", "<!-- /models -->"


def row(model: Model) -> str:
    options = {"multiplier": 1} if "not published" in model.rule.sentence else {}
    answer = image_tokens(model.name, height=1080, width=1920, **options)
    visual = "–" if answer.visual is None else f"{answer.visual:,}"
    takes = ", ".join(f"`{option}`" for option in model.rule.options) + (", video" if model.rule.video else "")
    return f"| `{model.name}` | {answer.tokens:,} | {visual} | {takes} | {model.stands_for} | {model.dated} |\n"


def table() -> str:
    head = "| model | tokens of 1080 × 1920 | visual | options | stands for | dated |\n|---|---|---|---|---|---|\n"
    return head + "".join(row(model) for model in models())


def between(text: str) -> tuple[str, str, str]:
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    return before, shown, after


def test_the_table_of_the_page_is_that_of_the_code() -> None:
    _, shown, _ = between(PAGE.read_text(encoding="utf-8"))
    assert shown == table(), "run: python tests/costs/test_docs.py"


def test_the_examples_of_the_page_answer_as_they_say() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert result.attempted >= 5
    assert result.failed == 0


if __name__ == "__main__":
    before, _, after = between(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(before + BEGIN + table() + END + after, encoding="utf-8")
