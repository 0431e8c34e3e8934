"""How a vocabulary is used while it is learned: which codes occurred lately, and how evenly.

    counts ← fade · counts + how often each code stands in this step        a memory of 50 steps, or of 20 K codes

    used         share of the K codes that occurred lately          1.0: all of them
    dead         how many did not
    perplexity   so many codes, used evenly, would say as much      K: all are used evenly

The memory is state of the run and stands in its checkpoints, so that a run that was stopped tells what one tells that
was not. It has no gradient, and no weight depends on it.
"""

import math
from collections.abc import Sequence

from lexel.needs import torch
from lexel.shapes import Float, Int

STEPS, CODES = 50, 20  # what is remembered: so many steps, or so many codes for each of the codebook
ENOUGH = 4  # codes seen for each of the codebook before anything is said
LATELY = math.exp(-1)  # of a code that occurred once, within the memory
LARGEST = 1 << 20  # codebooks beyond are not watched


class Health(torch.nn.Module):
    """Watches the codes of codebooks of these sizes.

    counts   float32 [K], one for each codebook
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes) if max(sizes) <= LARGEST else ()
        for at, size in enumerate(self.sizes):
            self.register_buffer(f"counts{at}", torch.zeros(size))

    def see(self, codes: Int[torch.Tensor, "N *Q"]) -> None:
        """The codes of one step."""
        columns = codes.reshape(len(codes), -1).unbind(1)
        for at, size in enumerate(self.sizes):
            fade = max(1 - 1 / STEPS, 1 - len(codes) / (CODES * size))
            self._counts(at).mul_(fade).add_(torch.bincount(columns[at], minlength=size))

    def numbers(self) -> dict[str, float]:
        """ "used", "dead" and "perplexity"; {} before enough was seen.

        Of several codebooks the share of the one that is used least, all that are dead, and the mean perplexity.
        """
        counts = [self._counts(at) for at in range(len(self.sizes))]
        if not counts or any(float(some.sum()) < ENOUGH * len(some) for some in counts):
            return {}
        dead = [int((some < LATELY).sum()) for some in counts]
        used = min(1 - gone / size for gone, size in zip(dead, self.sizes, strict=True))
        perplexity = sum(_perplexity(some) for some in counts) / len(counts)
        return {"used": used, "dead": float(sum(dead)), "perplexity": perplexity}

    def _counts(self, at: int) -> Float[torch.Tensor, "K"]:
        return self.get_buffer(f"counts{at}")


def _perplexity(counts: Float[torch.Tensor, "K"]) -> float:
    share = counts / counts.sum()
    return float(torch.special.entr(share).sum().exp())
