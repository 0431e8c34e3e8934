"""What selectors do inside blocks, and what blocks keep for others."""

from copy import deepcopy

import pytest
import torch
from tolerances import close

from lexel.errors import BadArguments, MissingNeed
from lexel.kernels.attention import causal_attention
from lexel.nn import transformer
from lexel.nn.inside import Inside
from lexel.nn.layers import MLP, QuickGELU
from lexel.nn.patches import packed
from lexel.nn.transformer import Attention, Block, Transformer
from lexel.ragged.packed import Packed
from lexel.ragged.plan import Plan
from lexel.reducers.pool import Pool
from lexel.reducers.random_drop import RandomDrop
from lexel.reducers.tome import ToMe
from lexel.tokens.meaning import Kind

WIDTH, HEADS, DEPTH = 16, 4, 3


@pytest.fixture(scope="module")
def blocks():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = [Block(Attention(WIDTH, HEADS), MLP(WIDTH, 24, QuickGELU()), WIDTH, 1e-5) for _ in range(DEPTH)]
        for parameter in (p for block in made for p in block.parameters()):
            torch.nn.init.normal_(parameter, std=0.3)
    return torch.nn.ModuleList(made).requires_grad_(False)


def tokens(*grids, first=(Kind.CLASS,), seed=0):
    rows = sum(len(first) + h * w for h, w in grids)
    return packed(torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(seed)), grids, first=first)


def literal_block(block, x, mass, merge=None):
    """One block on one picture [n, D], with `merge(x, keys) -> (x, mass)` between its halves."""
    y = block.norm1(x) @ block.attention.qkv.weight.T + block.attention.qkv.bias
    q, k, v = y.view(len(x), 3, HEADS, -1).permute(1, 2, 0, 3)
    scores = q @ k.mT / (WIDTH // HEADS) ** 0.5 + mass.log()
    rows = scores.softmax(-1)
    mixed = (rows @ v).transpose(0, 1).flatten(1)
    x = x + mixed @ block.attention.out.weight.T + block.attention.out.bias
    if merge is not None:
        x, mass = merge(x, k.mean(0), mass)
    h = block.norm2(x) @ block.mlp.fc1.weight.T + block.mlp.fc1.bias
    x = x + (h * torch.sigmoid(1.702 * h)) @ block.mlp.fc2.weight.T + block.mlp.fc2.bias
    return x, mass, k.mean(0), rows


def literal_merge(x, keys, mass, r):
    """The published steps of ToMe with a class token and proportional attention."""
    n = len(x)
    r = min(r, (n - 1) // 2)
    keys = keys / keys.norm(dim=1, keepdim=True)
    a, b = torch.arange(0, n, 2), torch.arange(1, n, 2)
    scores = keys[a] @ keys[b].T
    scores[0] = -torch.inf
    best, partner = scores.max(1)
    order = best.argsort(descending=True, stable=True)
    merged, unmerged = order[:r], order[r:].sort().values
    weighed, heavy = x * mass[:, None], mass.clone()
    for i in merged.tolist():
        to = b[partner[i]]
        weighed[to] += weighed[a[i]]
        heavy[to] += heavy[a[i]]
    kept = torch.cat([a[unmerged], b])
    return weighed[kept] / heavy[kept, None], heavy[kept]


@pytest.mark.parametrize("r", [1, 3, 100])
def test_tome_in_every_layer_equals_the_published_steps(blocks, r):
    given = tokens((4, 5), (2, 3))
    ours = Transformer(blocks, (Inside(ToMe(r=r), ()),))(given)
    for picture, (x, start) in enumerate(zip(ours.packed.x.split(ours.packed.counts), (0, 21), strict=True)):
        theirs = given.x[start : start + given.counts[picture]]
        mass = torch.ones(len(theirs))
        for block in blocks:
            theirs, mass, _, _ = literal_block(
                block, theirs, mass, lambda x, keys, mass: literal_merge(x, keys, mass, r)
            )
        assert close(x, theirs)
        assert close(ours.packed.mass.split(ours.packed.counts)[picture], mass)


def test_equal_tokens_that_merge_leave_everything_as_it_was(blocks):
    """Proportional attention: two equal tokens, or one of mass two."""
    x = torch.randn(9, WIDTH, generator=torch.Generator().manual_seed(1))
    twice = torch.cat([x[:1], x[1:].repeat_interleave(2, 0)])
    plain = Transformer(blocks)(packed(twice, [(4, 4)], first=(Kind.CLASS,)))
    merged = Transformer(blocks, (Inside(ToMe(r=8), (0,)),))(packed(twice, [(4, 4)], first=(Kind.CLASS,)))
    assert merged.packed.counts == (9,)
    assert merged.packed.mass.tolist() == [1.0] + [2.0] * 8
    [plan] = merged.plans
    assert close(merged.packed.x, plan.mean(plain.packed.x, torch.ones(17)))
    assert close(merged.packed.x[0], plain.packed.x[0])


def test_no_selector_and_one_that_does_nothing_are_equal(blocks):
    given = tokens((3, 3), (2, 2))
    assert torch.equal(
        Transformer(blocks, (Inside(ToMe(r=0), ()),))(given).packed.x, Transformer(blocks)(given).packed.x
    )


def test_mass_is_conserved_by_merging_and_absent_where_nothing_merged(blocks):
    given = tokens((3, 5), (2, 2))
    merged = Transformer(blocks, (Inside(ToMe(r=2), ()),))(given).packed
    assert merged.mass.sum() == len(given.x)
    assert Transformer(blocks, (Inside(RandomDrop(0.5), (1,)),))(given).packed.mass is None


def test_a_raster_stays_where_nothing_was_taken_away(blocks):
    given = tokens((3, 3), (1, 2))
    kept = Transformer(blocks, (Inside(RandomDrop(2), (0,)),))(given).packed
    assert kept.grid.tolist() == [[0, 0], [1, 2]]
    pooled = Transformer(blocks, (Inside(Pool(2), (0,)),))(given).packed
    assert pooled.grid.tolist() == [[2, 2], [1, 1]]
    assert Transformer(blocks, (Inside(ToMe(r=1), (0,)),))(given).packed.grid.tolist() == [[0, 0], [0, 0]]


def test_evidence_equals_the_literal_rows(blocks):
    given = tokens((3, 4))
    names = ["keys", "keys@0", "attention.cls@-2", "attention.cls.joined@1", "attention.received", "tokens@1"]
    kept = Transformer(blocks)(given, names).kept
    x, mass = given.x, torch.ones(13)
    seen = []
    for block in blocks:
        x, mass, keys, rows = literal_block(block, x, mass)
        seen.append((x, keys, rows))
    assert close(kept["keys"], seen[2][1])
    assert close(kept["keys@0"], seen[0][1])
    assert close(kept["attention.cls@-2"], seen[1][2][:, 0].mean(0))
    assert close(kept["attention.cls.joined@1"], seen[1][2][:, 0].T)
    assert close(kept["attention.received"], seen[2][2].mean((0, 1)))
    assert close(kept["tokens@1"], seen[1][0])


def test_what_was_kept_before_a_merge_goes_through_it(blocks):
    given = tokens((3, 4))
    plain = Transformer(blocks)(given, ["keys@0"])
    merged = Transformer(blocks, (Inside(ToMe(r=3), (1,)), Inside(RandomDrop(4), (2,))))(given, ["keys@0"])
    first, second = merged.plans
    expected = second.mean(first.mean(plain.kept["keys@0"], torch.ones(13)), torch.ones(10))
    assert close(merged.kept["keys@0"], expected)


class Watcher:
    """A selector that keeps all and remembers what it was shown."""

    needs = frozenset({"attention.cls", "attention.received"})

    def __init__(self):
        self.shown = []

    def plan(self, evidence):
        self.shown.append(evidence)
        return Plan.identity(evidence.splits)


def test_a_selector_is_shown_its_layer_in_float32(blocks):
    watcher = Watcher()
    given = tokens((3, 4), (1, 1))
    Transformer(deepcopy(blocks).bfloat16(), (Inside(watcher, (1,)),))(given.with_x(given.x.bfloat16()))
    [evidence] = watcher.shown
    assert (evidence.layer, evidence.layers) == (1, DEPTH)
    assert evidence.keys.dtype == evidence.mass.dtype == torch.float32
    assert evidence.attention.keys() == watcher.needs
    assert all(rows.dtype == torch.float32 for rows in evidence.attention.values())
    assert evidence.protected().tolist() == [True] + [False] * 12 + [True, False]


class Sum:
    """A merge that is not a mean brings its own."""

    needs = frozenset[str]()

    def plan(self, evidence):
        return ToMe(r=2).plan(evidence)

    def merge(self, plan, x, mass):
        return plan.mean(x, mass) * 0 + 7


def test_a_merge_that_is_no_mean_is_used(blocks):
    given = tokens((3, 4))
    kept = Transformer(blocks, (Inside(Sum(), (2,)),))(given).packed
    after = blocks[2].think(kept.with_x(torch.full_like(kept.x, 7.0))).x
    assert close(kept.x, after)


def test_what_cannot_stand_inside_is_refused():
    offers = frozenset({"keys"})
    with pytest.raises(BadArguments, match="no layer 3"):
        Inside.of(ToMe(r=1), (3,), depth=3, offers=offers)
    with pytest.raises(MissingNeed, match=r"attention\.cls and attention\.received"):
        Inside.of(Watcher(), (), depth=3, offers=offers)
    assert Inside.of(ToMe(r=1), (-1, 2, 0), depth=3, offers=offers).layers == (0, 2)


def test_batches_do_not_matter(blocks):
    given = tokens((3, 4), (5, 2), (1, 1))
    inside = (Inside(ToMe(r=2), ()),)
    together = Transformer(blocks, inside)(given).packed
    for b, x in enumerate(together.x.split(together.counts)):
        rows = slice(*given.splits[b : b + 2].tolist())
        one = Packed(given.x[rows], torch.tensor([0, given.counts[b]]), None, given.kind[rows], given.grid[b : b + 1])
        assert close(Transformer(blocks, inside)(one).packed.x, x, tolerance=1e-6)


def test_gradients_reach_every_weight_through_a_merge(blocks):
    transformer = Transformer(deepcopy(blocks), (Inside(ToMe(r=2), ()),)).requires_grad_(True)
    transformer(tokens((3, 4))).packed.x.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in transformer.parameters())


def test_a_causal_row_does_not_see_what_comes_after():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = Block(Attention(WIDTH, HEADS, causal_attention), MLP(WIDTH, 24, QuickGELU()), WIDTH, 1e-5)
    transformer = Transformer(torch.nn.ModuleList([block])).requires_grad_(False)
    long = tokens((1, 6), first=())
    short = packed(long.x[:4], [(1, 4)])
    assert close(transformer(long).packed.x[:4], transformer(short).packed.x, tolerance=1e-6)


def test_tiles_through_the_mlp_change_nothing(blocks, monkeypatch):
    x = tokens((3, 4), (2, 2))
    whole = Transformer(blocks)(x).packed.x  # gradients are on: all rows at once
    monkeypatch.setattr(transformer, "TILE", 5)
    with torch.inference_mode():
        assert close(Transformer(blocks)(x).packed.x, whole)
        assert Transformer(blocks)(tokens()).packed.x.shape == (0, WIDTH)
