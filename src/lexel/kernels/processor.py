"""What this machine's processor does itself. Facts that torch tells, no timings: the same way in every process."""

from collections.abc import Mapping
from functools import cache

from lexel.needs import torch


@cache
def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself, so that it is worth multiplying.

    An x86 processor without AVX-512 BF16 or AMX does not: torch's kernels then take bfloat16 apart on the way, at a
    fifth of the speed of float32. True where nothing is known: other architectures, and a torch that does not tell.
    """
    facts = _facts()
    return facts.get("architecture") != "x86_64" or bool(facts.get("avx512_bf16") or facts.get("amx_bf16"))


@cache
def at_home_with_mkl() -> bool:
    """Whether torch's float32 products go to MKL on a processor of the house that writes it."""
    return str(_facts().get("cpu_name", "")).startswith("Intel") and torch.backends.mkl.is_available()


def _facts() -> Mapping[str, object]:
    facts: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return facts
