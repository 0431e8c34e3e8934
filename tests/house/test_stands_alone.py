"""Nothing in the project names a machine that it was written on, or the host that packages come from."""

import re
from pathlib import Path

import pytest
from house.plan import ROOT

FOLDERS = (".ci", "bench", "docs", "recipes", "src", "tests")
FILES = [path for path in ROOT.iterdir() if path.is_file()] + [
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts and path != Path(__file__)
]

MACHINE = re.compile(rb"(?<![\w.~-])/(?:work|opt|root)/[\w.]")
REGISTRY = re.compile(
    rb"pypi\.org|pypi\.python\.org|pythonhosted\.org|download\.pytorch\.org|--(?:extra-)?index-url|find-links"
)


@pytest.mark.parametrize("path", sorted(FILES), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_names_no_machine_and_no_registry(path: Path) -> None:
    content = path.read_bytes()
    for pattern, said in (MACHINE, "a path of one machine"), (REGISTRY, "a registry: pip knows its own"):
        found = pattern.search(content)
        assert not found, f"line {content[: found.start()].count(10) + 1} has {found[0]!r}, {said}"
