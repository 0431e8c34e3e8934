"""The contract of every method, for the tests of yours. Needs no pytest; the strategies need `lexel[testing]`.

    from lexel.testing import check_selector

    def test_mymerge_keeps_the_contract():
        check_selector(MyMerge(r=4))

A check raises `AssertionError` with a sentence that says what broke. `SELECTOR_CHECKS`, `TOKENIZER_CHECKS` and
`QUANTIZER_CHECKS` are the single checks, to be run one by one. lexel's own methods stand under exactly these checks.
"""

from lexel.contracts.making import make_picture, make_tokens, pictures, tokens
from lexel.contracts.quantizers import QUANTIZER_CHECKS, check_quantizer
from lexel.contracts.selectors import SELECTOR_CHECKS, check_selector
from lexel.contracts.tokenizers import TOKENIZER_CHECKS, check_tokenizer

__all__ = [
    "QUANTIZER_CHECKS",
    "SELECTOR_CHECKS",
    "TOKENIZER_CHECKS",
    "check_quantizer",
    "check_selector",
    "check_tokenizer",
    "make_picture",
    "make_tokens",
    "pictures",
    "tokens",
]
