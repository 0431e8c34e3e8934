"""Every family of towers: the contract of tokenizers, on a tiny published model that the loader read."""

import pytest
from loading.references import TOWERS, noisy, saved

from lexel.contracts.making import make_picture
from lexel.errors import BadArguments
from lexel.loading.load import load
from lexel.reducers.tome import ToMe
from lexel.testing import TOKENIZER_CHECKS

# Families whose blocks need every cell: no selector can stand inside.
OWN_BLOCKS = ("swin", "swinv2", "pvt", "pvt_v2", "resnet", "sam")

by_family = pytest.mark.parametrize("family", TOWERS)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Each family's model, loaded once."""
    return {family: load(saved(noisy(build()), tmp_path_factory.mktemp(family))) for family, build in TOWERS.items()}


@by_family
@pytest.mark.parametrize("check", TOKENIZER_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_tower_is_a_tokenizer(models, family, check):
    check(models[family])


@by_family
def test_merging_nothing_inside_is_the_plain_tower_or_is_refused_by_name(models, family, pictures):
    model = models[family]
    if family in OWN_BLOCKS:
        with pytest.raises(BadArguments, match=r"tome\(r=0\) cannot stand inside"):
            model.inside(ToMe(r=0))
    else:
        assert model.inside(ToMe(r=0)).tokenize(pictures).equals(model.tokenize(pictures))


@by_family
def test_a_vector_is_a_unit_row_a_picture(models, family, pictures):
    vectors = models[family].embed(pictures)
    assert len(vectors) == len(pictures)
    assert (vectors**2).sum(1) == pytest.approx(1)
    assert models[family].embed([]).shape == (0, vectors.shape[1])


@by_family
def test_a_tower_keeps_what_it_offers(models, family, pictures):
    model = models[family]
    tokens = model.tokenize(pictures, keep=model.offers)
    assert tokens.columns.keys() == model.offers
    for name in sorted(model.offers - {"keys"}):
        sums = [float(tokens[b][name].sum()) for b in range(len(tokens))]
        assert sums == pytest.approx([1, 1], abs=1e-5), name


@pytest.fixture(scope="module")
def pictures():
    return [make_picture(30, 44), make_picture(64, 20, seed=1)]
