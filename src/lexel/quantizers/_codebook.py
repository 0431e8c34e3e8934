"""What codebooks of vectors share: their losses, k-means, and averages that follow the vectors.

    update 1      k-means of its vectors                                     the start
    update 2, …   n ← γ n + (1 − γ) · how many      m ← γ m + (1 − γ) · their sum      e = m ÷ n
                  then codes that hardly any vector goes to become vectors of this step  the revival

Averages need no learning rate and no gradient. They are state: they belong to a run, stand in its checkpoints beside
the codebook, and are of no use to whoever only tokenizes.
"""

from lexel.kernels.lookup import nearest
from lexel.needs import torch
from lexel.shapes import Float, Int

COMMITMENT = 0.25  # of van den Oord et al. 2017, section 3.2: from 0.1 to 2.0 results do not change
ROUNDS = 10  # of k-means
TOGETHER = 4096  # rows whose differences are held at once
EPSILON = 1e-5  # vectors that every code is thought to have, so that none divides by 0
# A code is dead below this part of the mean number of vectors a code, at most 2 vectors. A bound that does not follow
# the size of a step would call every code dead in a small one.
DEAD, DEAD_AT_MOST = 0.2, 2.0


class Averages(torch.nn.Module):
    """How many vectors each code had and their sum, both fading; moves the codebook.

    counts    float32 `[K]`; a step's vectors count 1 − decay
    sums      float32 `[K, D]`
    updates   int64, how many there were

    They begin as one vector a code, the code itself: from a count of 0 the codes that are not chosen at once would
    jump to 100,000 times their length and never be chosen again.
    """

    counts: torch.Tensor
    sums: torch.Tensor
    updates: torch.Tensor

    def __init__(self, codebook: Float[torch.Tensor, "K D"], decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("counts", codebook.new_ones(len(codebook)))
        self.register_buffer("sums", codebook.clone())
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def update(
        self,
        codebook: Float[torch.Tensor, "K D"],
        x: Float[torch.Tensor, "N D"],
        codes: Int[torch.Tensor, "N"],
    ) -> None:
        """Move `codebook` in place by one step of vectors. Nothing happens where there are none.

        Among several processes each brings its vectors, and all end with the same codebook. The start and the revival
        draw from the vectors of the first, by torch's generator.
        """
        x = x.detach().float()
        total = _over_processes(x.new_tensor(float(len(x))))
        if not total:
            return
        if self.updates:
            self._follow(codebook, x, codes)
            self._revive(codebook, x, float(total))
        else:
            centres, counts = kmeans(x, len(codebook))
            codebook.copy_(centres)
            self.counts.copy_(counts)
            self.sums.copy_(centres * counts[:, None])
        self.updates += 1
        if torch.distributed.is_initialized():
            for state in (codebook, self.counts, self.sums):
                torch.distributed.broadcast(state, 0)

    def _follow(
        self, codebook: Float[torch.Tensor, "K D"], x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"]
    ) -> None:
        counts, sums = assigned(x, codes, len(codebook))
        self.counts.lerp_(_over_processes(counts), 1 - self.decay)
        self.sums.lerp_(_over_processes(sums), 1 - self.decay)
        total = self.counts.sum()
        smooth = (self.counts + EPSILON) / (total + len(codebook) * EPSILON) * total
        codebook.copy_(self.sums / smooth[:, None])

    def _revive(self, codebook: Float[torch.Tensor, "K D"], x: Float[torch.Tensor, "N D"], total: float) -> None:
        least = min(DEAD_AT_MOST, DEAD * total / len(codebook))
        dead = (self.counts < least).nonzero()[:, 0]
        drawn = x[torch.randperm(len(x), device=x.device)[: len(dead)]]
        dead = dead[: len(drawn)]
        codebook[dead] = drawn
        self.counts[dead] = least
        self.sums[dead] = drawn * least


def kmeans(
    x: Float[torch.Tensor, "N D"], codebook_size: int
) -> tuple[Float[torch.Tensor, "K D"], Float[torch.Tensor, "K"]]:
    """K means of vectors, and how many each has: K vectors drawn by torch's generator, then ten rounds of Lloyd.

    A mean that no vector is nearest to stays where it is. Of fewer than K vectors some are drawn twice.
    """
    drawn = torch.randperm(len(x), device=x.device).repeat(-(-codebook_size // len(x)))
    means = x[drawn[:codebook_size]]
    counts = x.new_zeros(codebook_size)
    for _ in range(ROUNDS):
        counts, sums = assigned(x, nearest(x, means), codebook_size)
        means = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), means)
    return means, counts


def assigned(
    x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N"], codebook_size: int
) -> tuple[Float[torch.Tensor, "K"], Float[torch.Tensor, "K D"]]:
    """How many vectors have each code, and their sum."""
    counts = torch.bincount(codes, minlength=codebook_size).to(x.dtype)
    return counts, x.new_zeros(codebook_size, x.shape[1]).index_add_(0, codes, x)


def mean_square(a: Float[torch.Tensor, "N D"], b: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, ""]:
    """The mean square of a − b; 0 for no rows. Some rows at a time: their difference is never held as a whole."""
    parts = zip(a.split(TOGETHER), b.split(TOGETHER), strict=True)
    return torch.stack([(p - q).square().sum() for p, q in parts]).sum() / max(a.numel(), 1)


def _over_processes(x: torch.Tensor) -> torch.Tensor:
    """The sum over all processes."""
    if torch.distributed.is_initialized():
        torch.distributed.all_reduce(x)
    return x
