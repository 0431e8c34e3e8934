"""Gradient caching: a contrastive batch of any size in the memory of one chunk, exactly.

    chunks   ▤ ▤ ▤ ── encode, no graph ──► features ── loss, backward ──► gradients of the features
             ▤ ────── encode, same dice ─► features ◄── backward ──────── its share
               ▤ ──── encode, same dice ─► features ◄── backward ──────── its share
                 ▤ ── encode, same dice ─► features ◄── backward ──────── its share, and the loss's own parameters

Paper    Gao et al. 2021, arXiv 2101.06983
Cost     one forward pass more; memory of one chunk with its graph, of all features, and of the loss
Rule     exact for encoders that treat the rows of a batch one by one, dropout included: the generators are set back to
         where they stood. Not exact for batch normalisation in training, which mixes rows and would count twice
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from lexel.needs import torch
from lexel.shapes import Float

Chunk = TypeVar("Chunk")


def cached(
    encode: Callable[[Chunk], tuple[torch.Tensor, torch.Tensor]],
    chunks: Sequence[Chunk],
    loss: Callable[..., torch.Tensor],
    *learned: torch.Tensor,
    no_sync: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Float[torch.Tensor, ""]:
    """The loss of all chunks as one batch; its gradients are added to `.grad`, as `backward` does.

    encode    one chunk → features of its pictures and of its texts, [b, D] each; under DDP the wrapped module itself
    chunks    one or more, of any sizes; each is encoded twice
    loss      `loss(images [B, D], texts [B, D], *learned)` → a scalar. In float16 scale it here, and nowhere else
    learned   the parameters of the loss (`logit_scale`, `logit_bias`): they get their gradient once
    no_sync   what all chunks but the last run in: DDP's `no_sync`, so that gradients travel once a step

        cached(model, chunks, tiled_clip_loss, model.logit_scale); optimizer.step()
    """
    dice, features = [], []
    with torch.no_grad():
        for chunk in chunks:
            dice.append(_Dice.now())
            features.append(encode(chunk))
    torch.clear_autocast_cache()  # older versions of torch would take weights without a graph from it again
    together = [torch.cat(parts) for parts in zip(*features, strict=True)]
    leaves = [x.detach().requires_grad_() for x in (*together, *learned)]
    value = loss(*leaves)
    images, texts, *rest = torch.autograd.grad(value, leaves)

    counts = [len(part) for part, _ in features]
    shares = zip(images.split(counts), texts.split(counts), strict=True)
    for chunk, thrown, share in zip(chunks, dice, shares, strict=True):
        last = thrown is dice[-1]
        with nullcontext() if last else no_sync():
            thrown.again()
            # The loss's parameters go with the last chunk: DDP then sees every parameter once, in the pass it syncs.
            _push([*encode(chunk), *(learned if last else ())], [*share, *(rest if last else ())])
    return value.detach()


def _push(outputs: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor]) -> None:
    """`backward` from outputs whose gradients are known; a frozen tower has none to pass on."""
    pairs = [(output, gradient) for output, gradient in zip(outputs, gradients, strict=True) if output.requires_grad]
    torch.autograd.backward([output for output, _ in pairs], [gradient for _, gradient in pairs])


@dataclass(frozen=True, eq=False)
class _Dice:
    """Where the random generators stand: the CPU's, and the accelerator's where there is one."""

    cpu: torch.Tensor
    accelerator: torch.Tensor | None

    @classmethod
    def now(cls) -> "_Dice":
        there = torch.accelerator.is_available()
        return cls(torch.get_rng_state(), torch.get_device_module().get_rng_state() if there else None)

    def again(self) -> None:
        """Set the generators back to here."""
        torch.set_rng_state(self.cpu)
        if self.accelerator is not None:
            torch.get_device_module().set_rng_state(self.accelerator)
