import pytest

from lexel.testing import SELECTOR_CHECKS
from tests.contracts.examples import built, examples


@pytest.mark.parametrize("check", SELECTOR_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("text", examples("reducers"))
def test_selector(text, check):
    check(built(text))
