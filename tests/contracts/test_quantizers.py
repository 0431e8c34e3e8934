import pytest

from lexel.testing import QUANTIZER_CHECKS
from tests.contracts.examples import built, examples


@pytest.mark.parametrize("check", QUANTIZER_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("text", examples("quantizers"))
def test_quantizer(text, check):
    check(built(text))
