"""Token Merging: join the most similar tokens, keep their weight.

    a b c d e f        a·c  b  d·e  f
    □ □ □ □ □ □   →    ▭    □  ▭    □        r = 2; mass 2 1 2 1

    tokens at even places (A) each look for their best partner at the odd ones (B);
    the r best pairs become one token each, a mean by mass

Paper      Bolya et al. 2023, arXiv 2210.09461
Kind       selector; not learned; inside a tower or after one
Needs      keys
Cost       0.5·N²·D multiply-adds a layer; saves r tokens a layer
Checked by test_tome_equals_the_literal_steps, test_tome_with_r_zero_changes_nothing,
           test_tome_keeps_protected_tokens_apart
"""

from dataclasses import KW_ONLY, dataclass

from lexel.errors import BadArguments
from lexel.ragged.groups import places, splits_where
from lexel.ragged.ops import repeat, segment_argsort, segment_match, splits_of
from lexel.ragged.plan import Plan
from lexel.tokens.protocols import Evidence, stage_text

EPSILON = 1e-12  # a key of length 0 stays 0: it is similar to nothing


@dataclass(frozen=True, repr=False)
class ToMe:
    """Merge `r` tokens of each picture away.

    r   how many, from 0; at most half of the tokens that may merge

    Targets come in the published order: protected tokens first, then the unmerged of A (by place where a token is
    protected, else by falling similarity), then B. The next layer splits that order into A and B again, so a ToMe
    that kept raster order would be another method. Ties: the lowest place. Raises `BadArguments` for r below 0.

        patch(16) | tome(r=98)   →  196 tokens become 98
    """

    _: KW_ONLY
    r: int

    needs = frozenset({"keys"})
    __repr__ = stage_text

    def __post_init__(self) -> None:
        if not isinstance(self.r, int) or self.r < 0:
            raise BadArguments(f"{self!r}: r is a whole number from 0")

    def plan(self, evidence: Evidence) -> Plan:
        """Pairs by cosine similarity of the keys."""
        if self.r == 0:
            return Plan.identity(evidence.splits)
        splits, protected = evidence.splits, evidence.protected()
        even = places(splits) % 2 == 0
        a, b = ~protected & even, ~protected & ~even
        a_splits, b_splits = splits_where(a, splits), splits_where(b, splits)

        keys = evidence.keys / ((evidence.keys**2).sum(-1, keepdims=True) ** 0.5 + EPSILON)
        score, best = segment_match(keys[a], a_splits, keys[b], b_splits)
        rank = best * 0  # the place of each A in its picture, most similar first
        rank[segment_argsort(score, a_splits, descending=True)] = places(a_splits)
        a_counts, b_counts = a_splits[1:] - a_splits[:-1], b_splits[1:] - b_splits[:-1]
        quota = (a_counts + b_counts) // 2
        quota = quota - (quota - self.r) * (quota > self.r)
        merged = (rank < repeat(quota, a_counts)) & (best >= 0)

        unmerged = protected & False
        unmerged[a] = ~merged
        p_splits, u_splits = splits_where(protected, splits), splits_where(unmerged, splits)
        p_counts, u_counts = p_splits[1:] - p_splits[:-1], u_splits[1:] - u_splits[:-1]
        by_place, by_score = places(u_splits), (rank - repeat(quota, a_counts))[~merged]
        ordered = repeat(p_counts > 0, u_counts)

        splits_out = splits_of(p_counts + u_counts + b_counts)
        # The first target of the picture, then the place in it.
        into = repeat(splits_out[:-1], splits[1:] - splits[:-1])
        into[protected] += places(p_splits)
        into[unmerged] += repeat(p_counts, u_counts) + by_place * ordered + by_score * ~ordered
        into[b] += repeat(p_counts + u_counts, b_counts) + places(b_splits)
        partner = into[a]
        partner[merged] = into[b][best[merged]]
        into[a] = partner
        return Plan.assign(into, splits, splits_out)
