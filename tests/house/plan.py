"""The plan of the house: `house.toml`, the files on disk, and what each file imports."""

import ast
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "lexel"
PLAN = tomllib.loads(Path(__file__).with_name("house.toml").read_text(encoding="utf-8"))

ROOMS: list[str] = [room["name"] for room in PLAN["room"]]
FLOORS: dict[str, int] = {room["name"]: room["floor"] for room in PLAN["room"]}
TORCH: dict[str, bool] = {room["name"]: room["torch"] for room in PLAN["room"]}
DOORS: dict[str, str] = {door["file"]: door["reason"] for door in PLAN["door"]}
WHOLE: set[str] = {door["file"] for door in PLAN["door"] if door.get("whole")}
LONG: dict[str, str] = {file["file"]: file["reason"] for file in PLAN["long"]}

FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One import statement: what it names, where it stands, when it runs.

    at_once   when the file is imported, not inside a function
    runs      False under `if TYPE_CHECKING`, which only type checkers read
    """

    module: str
    line: int
    at_once: bool
    runs: bool


def room_of(file: str) -> str:
    """`tokens/value.py` → `tokens`; `errors.py` → `errors.py`."""
    return file.split("/", 1)[0]


def module_of(file: str) -> str:
    """`tokens/value.py` → `lexel.tokens.value`; `tokens/__init__.py` → `lexel.tokens`."""
    return ".".join(["lexel", *file.removesuffix(".py").removesuffix("__init__").strip("/").split("/")]).rstrip(".")


def room_behind(module: str) -> str:
    """The room that holds a module of lexel: `lexel.tokens.value` → `tokens`; a public name → the front door."""
    name = module.removeprefix("lexel").lstrip(".").partition(".")[0]
    return next((room for room in ROOMS if room.removesuffix(".py") == name), "__init__.py")


@cache
def imports(file: str) -> list[Import]:
    """Every import in a file, those inside functions and under TYPE_CHECKING too.

    `from a import b` counts as `a.b`, because `b` may be a module.
    """
    found: list[Import] = []

    def walk(node: ast.AST, at_once: bool, runs: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, node.lineno, at_once, runs) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found.extend(Import(f"{base}.{alias.name}", node.lineno, at_once, runs) for alias in node.names)
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        read_only = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for child in ast.iter_child_nodes(node):
            walk(child, at_once and not later, runs and not read_only)

    walk(ast.parse((SOURCE / file).read_text(encoding="utf-8")), True, True)
    return found
