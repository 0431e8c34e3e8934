"""Codes of signs, and how sure they are: what lfq and bsq share.

    + − − +    →    1 0 0 1    →    9        the first number is the highest bit

The entropies take the logit of every bit being 1. Bits are independent given the vector, so the entropy of its codes
is the sum over bits, exactly. That of the mean over vectors is not: it needs the mean of all K probabilities.
"""

from lexel.needs import torch
from lexel.shapes import Bool, Float, Int

FLOOR = 1e-12  # of a chance in a logarithm, whose gradient at 0 would be infinite; far below 1/K of 24 bits


def numbered(bits: Bool[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N"]:
    """Bits → int64, by shifts: floats would lose the lowest of more than 24."""
    return (bits.long() << _places(bits.shape[1], bits.device)).sum(dim=1)


def signs(codes: Int[torch.Tensor, "N"], dim: int) -> Float[torch.Tensor, "N D"]:
    """int64 → −1 or 1 for each of `dim` bits."""
    bits = codes[:, None] >> _places(dim, codes.device) & 1
    return (2 * bits - 1).float()


def entropy_of_bits(logits: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
    """Nats of each bit, 0 where it is sure: softplus(z) − z σ(z)."""
    return torch.nn.functional.softplus(logits) - logits * logits.sigmoid()


def entropy_of_mean(logits: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, ""]:
    """Nats of the mean over vectors of the probabilities of all 2^D codes, exactly; 0 for no vectors.

    The probability of a code is that of its upper bits times that of its lower ones, so the mean over vectors is one
    product of [2^⌈D/2⌉, N] and [N, 2^⌊D/2⌋], and no table of N × 2^D is made.
    """
    upper, lower = (_probabilities(half) for half in logits.tensor_split(2, dim=1))
    chance = upper.mT @ lower / max(len(logits), 1)
    return -(chance * chance.clamp(min=FLOOR).log()).sum()


def _probabilities(logits: Float[torch.Tensor, "N d"]) -> Float[torch.Tensor, "N K"]:
    """Of every code of these bits, for each vector."""
    dim = logits.shape[1]
    ones = (signs(torch.arange(1 << dim, device=logits.device), dim) + 1) / 2
    log_one = torch.nn.functional.logsigmoid(logits)
    log_zero = log_one - logits  # log σ(−z)
    return (log_one @ ones.mT + log_zero @ (1 - ones).mT).exp()


def _places(dim: int, device: torch.device) -> Int[torch.Tensor, "D"]:
    return torch.arange(dim - 1, -1, -1, device=device)
