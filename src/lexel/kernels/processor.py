"""What this machine's processor does itself. Facts that torch tells, no timings: the same way in every process."""

import platform
from collections.abc import Mapping
from functools import cache

from lexel.needs import torch

# name → 10¹² operations a second in float32, and in bfloat16 on tensor cores; makers' data sheets
PEAKS = {
    "H200": (67.0, 989.0),
    "H100 PCIe": (51.0, 756.0),
    "H100": (67.0, 989.0),
    "A100": (19.5, 312.0),
    "L40S": (91.6, 362.0),
    "L4": (30.3, 121.0),
    "RTX 4090": (82.6, 165.0),
}


@cache
def multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself, so that it is worth multiplying.

    An x86 processor without AVX-512 BF16 or AMX does not: torch's kernels then take bfloat16 apart on the way, at a
    fifth of the speed of float32. True where nothing is known: other architectures, and a torch that does not tell.
    """
    facts = _facts()
    return facts.get("architecture") != "x86_64" or bool(facts.get("avx512_bf16") or facts.get("amx_bf16"))


@cache
def multiplies_bytes() -> bool:
    """Whether the processor multiplies bytes into 32 bits itself, and torch lets it: `torch._int_mm`.

    An x86 processor without VNNI adds two products in 16 bits on the way, where they may not fit.
    """
    facts = _facts()
    return hasattr(torch, "_int_mm") and any(facts.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))


@cache
def at_home_with_mkl() -> bool:
    """Whether torch's float32 products go to MKL on a processor of the house that writes it."""
    return str(_facts().get("cpu_name", "")).startswith("Intel") and torch.backends.mkl.is_available()


def machine(device: torch.device) -> str:
    """What computes, as people call it: "NVIDIA H200", "2 threads of Intel Xeon 2.50GHz"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = _facts().get("cpu_name") or platform.machine()
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' * (threads > 1)} of {name}" if device.type == "cpu" else device.type


def peak(device: torch.device, *, bfloat16: bool) -> float | None:
    """Floating-point operations a second that its maker promises, dense; None where lexel does not know the machine."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((1e12 * tera[bfloat16] for known, tera in PEAKS.items() if known in name), None)


def _facts() -> Mapping[str, object]:
    facts: Mapping[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return facts
