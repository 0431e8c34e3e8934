"""A table of keys is read as it is written: prefixes, numbers, parts that lie one after the other, forms."""

import pytest
import torch

from lexel.loading.detect import layouts
from lexel.loading.table import FORMS, Table, depth

TABLE = Table.of("""
    image.norm           visual.ln
    image.scale.weight   visual.gain       transposed
""") + Table.of("qkv attn.{q,k,v}_proj").under("blocks.*", "layers.*")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("image.norm", ("visual.ln",)),
        ("image.norm.weight", ("visual.ln.weight",)),
        ("image.scale.weight", ("visual.gain",)),
        (
            "blocks.11.qkv.bias",
            ("layers.11.attn.q_proj.bias", "layers.11.attn.k_proj.bias", "layers.11.attn.v_proj.bias"),
        ),
    ],
)
def test_a_name_is_found_by_its_rule(ours, theirs):
    assert TABLE.find(ours)[0] == theirs


@pytest.mark.parametrize("name", ["image.normal", "blocks.x.qkv", "image", ""])
def test_a_name_that_no_rule_speaks_of_is_not_found(name):
    with pytest.raises(KeyError):
        TABLE.find(name)


def test_a_tensor_is_stored_in_its_parts():
    x = torch.arange(12.0).view(6, 2)
    parts = TABLE.stored("blocks.0.qkv.weight", x)
    assert list(parts) == [f"layers.0.attn.{p}_proj.weight" for p in "qkv"]
    assert torch.equal(torch.cat(list(parts.values())), x)


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("", (2, 3)),
        ("transposed", (2, 3)),
        ("[1,1,D]", (5,)),
        ("[1,N,D]", (4, 5)),
        ("[q,k,v]", (6,)),
        ("[D,P·P·3]", (2, 3, 4, 4)),
    ],
)
def test_a_form_and_back_is_the_tensor(form, shape):
    x = torch.randn(shape)
    assert torch.equal(FORMS[form].ours(FORMS[form].theirs(x)), x)


@pytest.mark.parametrize("form", ["scalar", "[1]"])
def test_a_number_alone_may_be_stored_as_a_row(form):
    x = torch.tensor(2.5)
    assert torch.equal(FORMS[form].ours(FORMS[form].theirs(x)), x)
    assert FORMS[form].ours(torch.tensor([2.5])).shape == ()


def test_a_bias_of_q_k_and_v_loses_that_of_k():
    assert FORMS["[q,k,v]"].ours(torch.arange(6.0)).tolist() == [0, 1, 4, 5]


def test_patches_of_a_linear_layer_hold_their_channels_last():
    flat = torch.arange(12.0)[None]
    assert FORMS["[D,P·P·3]"].ours(flat)[0, 1].flatten().tolist() == [1, 4, 7, 10]


def test_blocks_are_counted_without_a_gap():
    assert depth(["a.0.w", "a.1.w", "a.3.w", "b.2.w"], "a") == 2
    assert depth([], "a") == 0


def test_every_form_in_the_tables_is_one():
    tables = [layout.keys for layout in layouts() if isinstance(layout.keys, Table)]
    assert {rule.form for table in tables for rule in table.rules} <= set(FORMS)
