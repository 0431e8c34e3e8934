"""Attention rollout against the literal product, with merged tokens, and against the attention of `transformers`."""

import pytest
import torch
from loading.references import CLIP, SIGLIP, noisy, saved
from tolerances import close
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from lexel.loading.load import load
from lexel.nn.inside import Inside
from lexel.nn.layers import MLP, QuickGELU
from lexel.nn.patches import packed
from lexel.nn.transformer import Attention, Block, Transformer
from lexel.ragged.plan import Plan
from lexel.reducers.pool import Pool
from lexel.reducers.random_drop import RandomDrop
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind

WIDTH, HEADS, DEPTH = 16, 4, 3
ROLLOUT = "attention.rollout"


@pytest.fixture(scope="module")
def blocks():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [Block(Attention(WIDTH, HEADS), MLP(WIDTH, 24, QuickGELU()), WIDTH, 1e-5) for _ in range(DEPTH)]
        for parameter in (p for block in made for p in block.parameters()):
            torch.nn.init.normal_(parameter, std=0.3)
    return torch.nn.ModuleList(made).requires_grad_(False)


def tokens(*grids, first=(Kind.CLASS,)):
    rows = sum(len(first) + h * w for h, w in grids)
    return packed(torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(0)), grids, first=first)


def layers(transformer, given):
    """Of one picture: the attention of every block [n, n], and the plan after it (None without a selector)."""
    found = []
    for layer, block in enumerate(transformer.blocks):
        q, k, _ = block.attention.qkv(block.norm1(given.x)).view(len(given.x), 3, HEADS, -1).permute(1, 2, 0, 3)
        mass = torch.ones(len(given.x)) if given.mass is None else given.mass
        found.append([(q @ k.mT / (WIDTH // HEADS) ** 0.5 + mass.log()).softmax(-1).mean(0), None])
        inside = tuple(Inside(one.selector, (0,)) for one in transformer.inside if one.acts_at(layer))
        traced = Transformer(torch.nn.ModuleList([block]), inside)(given)
        found[-1][1] = traced.plans[0] if traced.plans else None
        given = traced.packed
    return found


def literal(transformer, given):
    """The row of the class token, or the mean of all rows, from the last layer back to the first token by token."""
    found = layers(transformer, given)
    mass = [torch.ones(len(given.x))]
    for _, plan in found[:-1]:
        mass.append(mass[-1] if plan is None else plan.out_mass(mass[-1]))
    count = len(found[-1][0])
    row = torch.eye(count)[0] if given.kind[0] == Kind.CLASS else mass[-1] / mass[-1].sum()
    for layer in reversed(range(DEPTH)):
        row = row @ (found[layer][0] + torch.eye(len(row))) / 2
        plan = found[layer - 1][1] if layer else None
        if plan is not None:  # a token that stands for several gives each its part
            before = torch.zeros(len(mass[layer - 1]))
            for source, target in zip(plan.source.tolist(), plan.target.tolist(), strict=True):
                before[source] += row[target] * mass[layer - 1][source] / mass[layer][target]
            row = before
    for now, (_, plan) in zip(mass, found, strict=True):
        row = row if plan is None else plan.mean(row, now)
    return row


@pytest.mark.parametrize("first", [(Kind.CLASS,), (), (Kind.CLASS, Kind.REGISTER)])
@pytest.mark.parametrize("selector", [None, ToMe(r=3), RandomDrop(0.8)])
def test_rollout_equals_the_literal_product(blocks, first, selector):
    inside = () if selector is None else (Inside(selector, () if first else (1, 2)),)
    transformer = Transformer(blocks, inside)
    for grid in ((4, 5), (2, 3)):
        given = tokens(grid, first=first)
        traced = transformer(given, [ROLLOUT])
        assert close(traced.kept[ROLLOUT], literal(transformer, given))


def test_each_picture_of_a_batch_is_for_itself(blocks):
    transformer = Transformer(blocks, (Inside(ToMe(r=3), ()),))
    together = transformer(tokens((4, 5), (2, 3)), [ROLLOUT])
    alone = transformer(tokens((4, 5)), [ROLLOUT]).kept[ROLLOUT]
    assert close(together.kept[ROLLOUT][: len(alone)], alone)
    assert len(together.kept[ROLLOUT]) == len(together.packed.x)


def sums(traced):
    mass = torch.ones(len(traced.packed.x)) if traced.packed.mass is None else traced.packed.mass
    return [float(x.sum()) for x in (mass * traced.kept[ROLLOUT]).split(traced.packed.counts)]


@pytest.mark.parametrize("selector", [ToMe(r=3), Pool(2)])
def test_what_is_merged_adds_up_and_what_is_dropped_is_lost(blocks, selector):
    given = tokens((4, 4), (3, 3), first=())
    for layer in range(DEPTH):
        merged = Transformer(blocks, (Inside(selector, (layer,)),))(given, [ROLLOUT])
        assert sums(merged) == pytest.approx([1, 1], abs=1e-5)
    dropped = Transformer(blocks, (Inside(RandomDrop(0.5), (1,)),))(given, [ROLLOUT])
    plain = Transformer(blocks)(given, [ROLLOUT])
    assert sums(plain) == pytest.approx([1, 1], abs=1e-5)
    assert all(0 < total < 1 for total in sums(dropped))


def test_attention_that_is_alike_everywhere_leaves_the_class_token_half_of_itself_each_time(blocks):
    even = torch.nn.ModuleList(
        [Block(Attention(WIDTH, HEADS), MLP(WIDTH, 24, QuickGELU()), WIDTH, 1e-5) for _ in blocks]
    )
    for block in even:
        torch.nn.init.zeros_(block.attention.qkv.weight[: 2 * WIDTH])
        torch.nn.init.zeros_(block.attention.qkv.bias[: 2 * WIDTH])
    rollout = Transformer(even.requires_grad_(False))(tokens((3, 5)), [ROLLOUT]).kept[ROLLOUT]
    rest = (1 - 0.5**DEPTH) / 16
    assert close(rollout, [0.5**DEPTH + rest] + [rest] * 15)


def test_rollout_up_to_a_block_is_that_of_a_shorter_network(blocks):
    given = tokens((3, 4))
    kept = Transformer(blocks)(given, [f"{ROLLOUT}@1", ROLLOUT]).kept
    assert close(kept[f"{ROLLOUT}@1"], Transformer(blocks[:2])(given, [ROLLOUT]).kept[ROLLOUT])
    assert not close(kept[ROLLOUT], kept[f"{ROLLOUT}@1"])


def test_a_selector_inside_may_ask_for_it(blocks):
    shown = []

    class Watcher:
        needs = frozenset({ROLLOUT})

        def plan(self, evidence):
            shown.append(evidence.attention[ROLLOUT])
            return Plan.identity(evidence.splits)

    given = tokens((3, 4))
    Transformer(blocks, (Inside(Watcher(), (1,)),))(given)
    assert close(shown[0], Transformer(blocks[:2])(given, [ROLLOUT]).kept[ROLLOUT])


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_rollout_equals_that_of_the_attentions_of_transformers(family, tmp_path):
    larger = {"image_size": 56, "num_hidden_layers": 3}
    if family == "clip":
        made = CLIPModel(CLIPConfig(**CLIP | {"vision_config": CLIP["vision_config"] | larger}))
    else:
        made = SiglipModel(SiglipConfig(**SIGLIP | {"vision_config": SIGLIP["vision_config"] | larger}))
    theirs = noisy(made)
    ours = load(saved(theirs, tmp_path / family))
    theirs.set_attn_implementation("eager")
    pixels = torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        attentions = theirs.vision_model(pixels, output_attentions=True).attentions
        kept = ours.image.trace(pixels, [ROLLOUT]).kept[ROLLOUT]
    rolled = torch.eye(attentions[0].shape[-1])
    for rows in attentions:
        rolled = (rows.mean(1) + torch.eye(rows.shape[-1])) / 2 @ rolled
    expected = rolled[:, 0] if family == "clip" else rolled.mean(1)
    assert close(kept, expected.flatten())
    assert expected.flatten().std() > 1e-4
