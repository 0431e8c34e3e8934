"""A method of somebody else: its package says `keepfirst = "keepfirst:KeepFirst"` in `lexel.methods`, and no more."""

from dataclasses import dataclass

from lexel.ragged.groups import places
from lexel.ragged.plan import Plan
from lexel.tokens.protocols import Evidence, stage_text


@dataclass(frozen=True, repr=False)
class KeepFirst:
    """Keep the first `count` tokens of each picture: `patch(16) | keepfirst(9)`."""

    count: int

    needs = frozenset[str]()
    __repr__ = stage_text

    def plan(self, evidence: Evidence) -> Plan:
        """The first ones, and those that are protected."""
        return Plan.keep((places(evidence.splits) < self.count) | evidence.protected(), evidence.splits)
