"""Random drop: keep tokens by lot. The baseline that every cleverer selector has to beat.

    □ □ □ □ □ □   →   □   □ □        raster order stays

Paper      none; the random baseline of "Token Pruning in MLLMs", arXiv 2502.11501, where it beats many selectors
Kind       selector; not learned; inside a tower or after one
Needs      nothing
Cost       a permutation
Checked by test_random_drop_does_not_depend_on_the_batch, test_random_drop_keeps_every_token_equally_often
"""

from dataclasses import KW_ONLY, dataclass
from itertools import pairwise

import numpy as np

from lexel.errors import BadArguments
from lexel.ragged.ops import host, like
from lexel.ragged.plan import Plan
from lexel.tokens.protocols import Evidence, stage_text


@dataclass(frozen=True, repr=False)
class RandomDrop:
    """Keep `keep` tokens of each picture, drawn by lot; protected ones stay and are not counted.

    keep   a whole number of tokens, or a share between 0.0 and 1.0 (rounded up)
    seed   another seed, another draw. The draw depends on it and on the number of tokens alone, so that batches
           do not matter; two pictures of one size lose the same places

    Raises `BadArguments` for a negative number or a share above 1.

        patch(16) | random_drop(0.5)   →  half of the tokens
    """

    keep: int | float
    _: KW_ONLY
    seed: int = 0

    needs = frozenset[str]()
    __repr__ = stage_text

    def __post_init__(self) -> None:
        whole = isinstance(self.keep, int) and not isinstance(self.keep, bool)
        if not (self.keep >= 0 if whole else isinstance(self.keep, float) and 0 <= self.keep <= 1):
            raise BadArguments(f"{self!r}: keep is a number of tokens (64) or a share (0.5)")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise BadArguments(f"{self!r}: seed is a whole number from 0")

    def plan(self, evidence: Evidence) -> Plan:
        """A draw a picture."""
        kept = host(evidence.protected()).copy()
        for start, stop in pairwise(evidence.splits.tolist()):
            free = np.flatnonzero(~kept[start:stop]) + start
            count = self.keep if isinstance(self.keep, int) else int(np.ceil(self.keep * len(free)))
            kept[np.random.default_rng([self.seed, len(free)]).permutation(free)[:count]] = True
        return Plan.keep(like(kept, evidence.splits), evidence.splits)
