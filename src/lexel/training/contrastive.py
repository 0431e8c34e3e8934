"""The losses of CLIP and SigLIP, as their papers write them.

              text 0  1  2
    picture 0    ■  □  □        ■ the pair that belongs together, □ the others of the batch
    picture 1    □  ■  □        CLIP     each row and each column chooses among B: two cross-entropies
    picture 2    □  □  ■        SigLIP   each cell says yes or no by itself

Papers   CLIP: Radford et al. 2021, arXiv 2103.00020; SigLIP: Zhai et al. 2023, arXiv 2303.15343
Rule     this is the definition: read it, and compare with it. It holds all B² logits several times, so that 16,384
         pairs take 5 GB. `tiled.py` gives the same values and gradients in memory that grows with B, and over many
         processes; a trainer takes that one.

Features are unit rows. The temperature is learned as its logarithm; the trainer clamps it after each step to
0 … `MAX_LOGIT_SCALE`. Logits are float32 or wider whatever the towers compute in, under autocast too.
"""

import math

from lexel.needs import torch
from lexel.shapes import Float

MAX_LOGIT_SCALE = math.log(100)  # CLIP: logits are cosines times 100 at most


def clip_loss(
    images: Float[torch.Tensor, "B D"], texts: Float[torch.Tensor, "B D"], logit_scale: Float[torch.Tensor, ""]
) -> Float[torch.Tensor, ""]:
    """The mean of two cross-entropies: each picture picks its text, each text its picture. B is 1 or more."""
    logits = _logits(images, texts, logit_scale)
    pairs = torch.arange(len(images), device=images.device)
    cross_entropy = torch.nn.functional.cross_entropy
    return (cross_entropy(logits, pairs) + cross_entropy(logits.T, pairs)) / 2


def siglip_loss(
    images: Float[torch.Tensor, "B D"],
    texts: Float[torch.Tensor, "B D"],
    logit_scale: Float[torch.Tensor, ""],
    logit_bias: Float[torch.Tensor, ""],
) -> Float[torch.Tensor, ""]:
    """How wrong each of the B² answers is, summed and divided by B (not by B²). B is 1 or more."""
    logits = _logits(images, texts, logit_scale) + logit_bias
    sign = 2 * torch.eye(len(images), dtype=logits.dtype, device=logits.device) - 1
    return -torch.nn.functional.logsigmoid(sign * logits).sum() / len(images)


def full(x: Float[torch.Tensor, "..."]) -> Float[torch.Tensor, "..."]:
    """`x` in float32, or as it is where it is wider."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _logits(
    images: Float[torch.Tensor, "B D"], texts: Float[torch.Tensor, "B D"], logit_scale: Float[torch.Tensor, ""]
) -> Float[torch.Tensor, "B B"]:
    with torch.autocast(images.device.type, enabled=False):
        return full(logit_scale).exp() * (full(images) @ full(texts).T)
