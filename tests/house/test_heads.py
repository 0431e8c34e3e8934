"""Every method opens with the drawn head, and every test that it names is there."""

import ast

import pytest
from house.plan import ROOT

from lexel.pipelines import registry
from lexel.pipelines.registry import Method

METHODS = [method for method in registry.methods() if method.room in registry.ROOMS] + registry.families()
by_name = pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.room}/{method.name}")


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """The names of all test functions of the project."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


@by_name
def test_a_method_opens_with_a_sentence_and_a_drawing(method: Method) -> None:
    where = f"src/lexel/{method.room}/{method.name}.py"
    assert method.sentence.endswith("."), f"{where}: begin with one sentence that says what the method does"
    assert method.drawing.strip(), f"{where}: draw before and after, between the sentence and the fields"


@by_name
def test_a_method_says_paper_kind_needs_cost_and_its_checks(method: Method) -> None:
    missing = [field for field in registry.FIELDS if not method.fields.get(field)]
    assert not missing, f"src/lexel/{method.room}/{method.name}.py: the head lacks {', '.join(missing)}"


@by_name
def test_the_checks_that_a_method_names_are_there(method: Method, tests: set[str]) -> None:
    named = [name.strip() for name in method.fields["Checked by"].split(",")]
    missing = [name for name in named if name not in tests]
    assert not missing, f"src/lexel/{method.room}/{method.name}.py is checked by {missing}, which tests/ does not have"
