"""No command without a page that names it and a help that shows how it is used."""

import re
from collections.abc import Iterator

import pytest
from house.plan import ROOT
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from lexel.cli.app import app


def leaves(group: TyperGroup, above: str = "lexel") -> Iterator[tuple[str, TyperCommand]]:
    """Every command with its full name: `lexel tokenize`, `lexel models list`."""
    for name, command in group.commands.items():
        full = f"{above} {name}"
        yield from leaves(command, full) if isinstance(command, TyperGroup) else [(full, command)]


COMMANDS = dict(leaves(get_command(app)))
each_command = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture(scope="module")
def pages() -> str:
    """README and all pages of the docs as one text."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@each_command
def test_a_command_is_documented(name: str, pages: str) -> None:
    assert re.search(rf"\b{name}\b", pages), f"neither README.md nor a page in docs/ shows `{name}`"


@each_command
def test_a_command_helps_with_an_example_first(name: str) -> None:
    text = COMMANDS[name].help or ""
    assert re.search(rf"\b{name}\b", text), f"the docstring of `{name}` must show it used: `{name} …`"


@each_command
def test_a_parameter_says_what_it_means(name: str) -> None:
    silent = [parameter.name for parameter in COMMANDS[name].params if not getattr(parameter, "help", None)]
    assert not silent, f"`{name}` takes {silent} without help=…"
