"""Processes that train together on one batch, and what they hand each other.

    gather     ■ │ □ │ ▪   →   ■□▪ │ ■□▪ │ ■□▪        everybody has everything
    home       ■□▪ │ ■□▪ │ ■□▪   →   Σ■ │ Σ□ │ Σ▪     sums go to their owners: gather the other way round
    pass_on    ■ │ □ │ ▪   →   ▪ │ ■ │ □              one place round the ring

Every rank brings as many rows as any other. Where one process is alone, nothing is copied and torch's distributed
package is not asked. No gradient flows through these: who calls them knows the gradients.
"""

from dataclasses import dataclass

from lexel.needs import torch
from lexel.shapes import Float


@dataclass(frozen=True)
class Ranks:
    """This process is number `rank` of `count`, in the default process group."""

    rank: int = 0
    count: int = 1

    @classmethod
    def here(cls) -> "Ranks":
        """The default process group; alone where there is none."""
        group = torch.distributed
        if not (group.is_available() and group.is_initialized()):
            return ALONE
        return cls(group.get_rank(), group.get_world_size())

    def meet(self) -> None:
        """Wait until every rank is here."""
        if self.count > 1:
            torch.distributed.barrier()

    def equal(self, x: Float[torch.Tensor, "b D"]) -> int:
        """The number of rows b. Raises ValueError, on every rank, where one has another number."""
        if self.count > 1:
            counts = self._gathered(torch.tensor([len(x)], device=x.device)).tolist()
            if len(set(counts)) > 1:
                raise ValueError(f"every rank must bring as many pairs as the others: they bring {counts}")
        return len(x)

    def gather(self, x: Float[torch.Tensor, "b ..."]) -> Float[torch.Tensor, "B ..."]:
        """The rows of all ranks, in their order: B = count · b."""
        return x if self.count == 1 else self._gathered(x.contiguous())

    def own(self, x: Float[torch.Tensor, "B ..."]) -> Float[torch.Tensor, "b ..."]:
        """This rank's rows among those of all."""
        return x.chunk(self.count)[self.rank]

    def home(self, x: Float[torch.Tensor, "B D"]) -> Float[torch.Tensor, "b D"]:
        """This rank's rows, summed over what all ranks have for them. `x` must be contiguous and is used up."""
        if self.count > 1:
            # One reduction an owner: every backend has it, while a reduce-scatter has had three names and many gaps.
            for owner, part in enumerate(x.chunk(self.count)):
                torch.distributed.reduce(part, dst=owner)
        return self.own(x)

    def pass_on(self, x: Float[torch.Tensor, "..."]) -> Float[torch.Tensor, "..."]:
        """`x` goes to the next rank; what the rank before had comes back."""
        if self.count == 1:
            return x
        group, received = torch.distributed, torch.empty_like(x)
        send = group.P2POp(group.isend, x, (self.rank + 1) % self.count)
        receive = group.P2POp(group.irecv, received, (self.rank - 1) % self.count)
        for transfer in group.batch_isend_irecv([send, receive]):
            transfer.wait()
        return received

    def _gathered(self, x: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(x) for _ in range(self.count)]
        torch.distributed.all_gather(parts, x)
        return torch.cat(parts)


ALONE = Ranks()
