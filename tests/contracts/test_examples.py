import pytest

from lexel.pipelines.registry import ROOMS, methods
from tests.contracts.examples import CORNERS, built, shown

METHODS = [method.name for method in methods() if method.room in ROOMS]


@pytest.mark.parametrize("name", METHODS)
def test_the_docstring_of_a_method_shows_a_stage_that_can_be_built(name):
    texts = shown(name)
    assert texts, f"show {name}(…) with real arguments in the docstring of its class"
    assert all(repr(built(text)).startswith(f"{name}(") for text in texts)


def test_every_corner_is_of_a_method_that_is_there():
    assert set(CORNERS) <= set(METHODS)
    assert all(text.startswith(f"{name}(") for name, texts in CORNERS.items() for text in texts)
