import pytest

from lexel.testing import TOKENIZER_CHECKS
from tests.contracts.examples import built, examples


@pytest.mark.parametrize("check", TOKENIZER_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("text", examples("partitions"))
def test_tokenizer(text, check):
    check(built(text))
