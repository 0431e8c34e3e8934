"""What this machine's processor does itself. Facts that torch tells, no timings: the same way in every process."""

from functools import cache

from lexel.needs import torch


@cache
def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself, so that it is worth multiplying.

    An x86 processor without AVX-512 BF16 or AMX does not: torch's kernels then take bfloat16 apart on the way, at a
    fifth of the speed of float32. True where nothing is known: other architectures, and a torch that does not tell.
    """
    facts: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return facts.get("architecture") != "x86_64" or bool(facts.get("avx512_bf16") or facts.get("amx_bf16"))
