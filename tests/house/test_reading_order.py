"""docs/order.md: eight files, read in that order in one evening."""

import re

from house.plan import ROOT


def order() -> list[str]:
    """The files that docs/order.md names, each once."""
    text = (ROOT / "docs" / "order.md").read_text(encoding="utf-8")
    return list(dict.fromkeys(re.findall(r"src/lexel/[\w/]+\.py", text)))


def test_the_order_names_eight_files_that_are_there() -> None:
    files = order()
    assert len(files) == 8, f"docs/order.md names {len(files)} files: {files}"
    missing = [file for file in files if not (ROOT / file).is_file()]
    assert not missing, f"docs/order.md names {missing}, which are not there"


def test_the_order_is_read_in_an_evening() -> None:
    lines = {file: len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in order()}
    assert 0 < sum(lines.values()) < 1_500, f"together {sum(lines.values())} lines, 1,499 are allowed: {lines}"


def test_the_readme_leads_to_the_order() -> None:
    assert "docs/order.md" in (ROOT / "README.md").read_text(encoding="utf-8"), "README.md must link docs/order.md"
