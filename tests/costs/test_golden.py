"""The open models against a table of the processors' answers, so that the rules stand without `transformers`.

The table is written by `bench/cost_processors.py --golden`.
"""

import json
from pathlib import Path

import pytest
from costs.cases import ours

from lexel.costs.open import COMPARED_WITH, OPEN

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
SIZES = [tuple(size) for size in GOLDEN.pop("sizes")]
RELEASE = GOLDEN.pop("transformers")


def test_the_table_is_of_the_release_that_the_models_name_and_has_them_all() -> None:
    assert f"transformers {RELEASE}" == COMPARED_WITH
    assert sorted(GOLDEN) == sorted(model.name for model in OPEN)


@pytest.mark.parametrize("model", GOLDEN)
def test_a_model_counts_and_refuses_as_the_table_says(model: str) -> None:
    assert [(size, ours(model, size)) for size in SIZES] == list(zip(SIZES, GOLDEN[model], strict=True))
