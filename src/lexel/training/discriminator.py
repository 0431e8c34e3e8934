"""Who tells painted pictures from real ones, patch by patch, so that what is painted has to look real.

    pixels ─ 4×4 ÷2 ─ 4×4 ÷2 ─ 4×4 ÷2 ─ 4×4 ─ 4×4 ─► a number for each patch of 70 × 70 pixels: real above 0
               64       128      256     512    1

    hinge      judge: ½ (mean max(0, 1 − real) + mean max(0, 1 + painted))          painter: −mean painted
    logistic   judge: mean log(1 + e^−real) + mean log(1 + e^painted)               painter: mean log(1 + e^−painted)

How much the painter listens is not fixed: the judge's gradient at the painter's last layer is made as long as that of
the reconstruction, whatever the judge's own scale is.

Papers   patches: Isola et al. 2016, arXiv 1611.07004; adaptive weight: Esser et al. 2020, arXiv 2012.09841 (VQGAN);
         hinge: Lim and Ye 2017, arXiv 1705.02894; logistic, which does not saturate: Goodfellow et al. 2014
Cost     2,765,633 parameters as published
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from lexel.needs import torch
from lexel.shapes import Float

F = torch.nn.functional

Against: TypeAlias = Literal["hinge", "logistic"]

KERNEL, SLOPE = 4, 0.2
SPREAD = 0.02  # standard deviation of new weights
SMALLEST = 24  # pixels a side that three layers can judge
GROUPS = 32  # of channels that are normed together
EPSILON = 1e-4
LARGEST = 10.0  # weight. The published 10⁴ lets colours run where a small painter faces a judge who is always right


def batch_norm(width: int) -> torch.nn.Module:
    """The published one: numbers of a channel over all pictures of a batch. Those of other batches are not kept."""
    return torch.nn.BatchNorm2d(width, track_running_stats=False)


def group_norm(width: int) -> torch.nn.Module:
    """Numbers of some channels of one picture: chunks and processes change nothing."""
    return torch.nn.GroupNorm(min(GROUPS, width), width)


class PatchDiscriminator(torch.nn.Module):
    """Pictures → a number a patch.

    width    channels of the first layer; a power of 2
    layers   that halve the picture
    norm     of all layers but the first and the last, by their channels

    256 pixels a side give 30 × 30 numbers, 64 give 6 × 6. Keys are those of the published code, in `main`.
    """

    def __init__(
        self, *, width: int = 64, layers: int = 3, norm: Callable[[int], torch.nn.Module] = batch_norm
    ) -> None:
        super().__init__()
        widths = [min(8, 2**layer) * width for layer in range(layers + 1)]
        made: list[torch.nn.Module] = [_conv(3, width, stride=2), torch.nn.LeakyReLU(SLOPE)]
        for layer in range(1, layers + 1):
            stride = 2 if layer < layers else 1
            made += [_conv(widths[layer - 1], widths[layer], stride=stride, bias=False), norm(widths[layer])]
            made += [torch.nn.LeakyReLU(SLOPE)]
        self.main = torch.nn.Sequential(*made, _conv(widths[-1], 1, stride=1))

    def forward(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b 1 h w"]:
        """Pixels from −1 to 1 → above 0 where they look real."""
        return self.main(pixels)


def judged(
    real: Float[torch.Tensor, "..."], painted: Float[torch.Tensor, "..."], against: Against
) -> Float[torch.Tensor, ""]:
    """The loss of the judge, of its numbers for real pictures and for painted ones."""
    if against == "hinge":
        return (F.relu(1 - real).mean() + F.relu(1 + painted).mean()) / 2
    return F.softplus(-real).mean() + F.softplus(painted).mean()


def fooled(painted: Float[torch.Tensor, "..."], against: Against) -> Float[torch.Tensor, ""]:
    """The loss of the painter, of the judge's numbers for what was painted."""
    return -painted.mean() if against == "hinge" else F.softplus(-painted).mean()


def unmoved(judge: torch.nn.Module, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b 1 h w"]:
    """The judge's numbers, with gradients to the pixels and none to the judge."""
    fixed = {name: parameter.detach() for name, parameter in judge.named_parameters()}
    found: torch.Tensor = torch.func.functional_call(judge, fixed, (pixels,))
    return found


def adaptive_weight(
    reconstruction: Float[torch.Tensor, ""],
    adversarial: Float[torch.Tensor, ""],
    last: torch.Tensor,
    *,
    most: float = LARGEST,
) -> Float[torch.Tensor, ""]:
    """‖∇ reconstruction‖ ÷ (‖∇ adversarial‖ + 10⁻⁴) at the painter's last layer, `most` at most; without gradient.

    Both graphs stay, to be walked again.
    """
    lengths = [torch.autograd.grad(loss, last, retain_graph=True)[0].norm() for loss in (reconstruction, adversarial)]
    return (lengths[0] / (lengths[1] + EPSILON)).clamp(max=most).detach()


def _conv(inputs: int, outputs: int, *, stride: int, bias: bool = True) -> torch.nn.Conv2d:
    made = torch.nn.Conv2d(inputs, outputs, KERNEL, stride=stride, padding=1, bias=bias)
    torch.nn.init.normal_(made.weight, std=SPREAD)
    return made
