"""What a picture that is given back should have in common with the original: losses, each 0 for equal pictures.

    painted ─┬─ l1, l2 ──────── pixel by pixel                        L2 gives the best PSNR, L1 sharper edges
    wanted  ─┼─ frequency ───── spectrum by spectrum                  the frequencies that are most wrong count most
             ├─ ssim, ms_ssim ─ window by window, at several scales   contrast and structure
             └─ perceptual ──── as a network sees it, which somebody brings: LPIPS

Pixels are floats from −1 to 1, `[b, 3, H, W]`. A loss is a mean over everything, so that its size depends neither on
the size of the pictures nor on their number; all are computed in float32 at least.

Papers   frequency: Jiang et al. 2020, arXiv 2012.12821; SSIM: Wang et al. 2004, IEEE TIP 13(4); MS-SSIM: Wang et al.
         2003, Asilomar; LPIPS: Zhang et al. 2018, arXiv 1801.03924
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lexel.errors import BadArguments
from lexel.measures.pixels import WINDOW
from lexel.needs import torch
from lexel.shapes import Float
from lexel.training.contrastive import full

F = torch.nn.functional

REACH = 2.0  # from the darkest pixel to the brightest
C1, C2 = (0.01 * REACH) ** 2, (0.03 * REACH) ** 2
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weights of MS-SSIM, the finest first
TAPS, SIGMA = 11, 1.5  # of its Gaussian window
LEAST = 1e-6  # of what is raised to a power: below, its gradient would have no bound


@runtime_checkable
class Perceptual(Protocol):
    """How different two pictures look to a network; an LPIPS with its weights, for example."""

    def __call__(
        self, painted: Float[torch.Tensor, "b 3 H W"], wanted: Float[torch.Tensor, "b 3 H W"]
    ) -> Float[torch.Tensor, "b *_"]:
        """0 for equal pictures, with gradients to `painted`."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Which losses count, and how much.

    l1, l2         mean of |difference|, of difference²
    frequency      focal frequency loss
    ssim, ms_ssim  1 − structural similarity, at one scale, at up to five
    perceptual     what `network` says, in the mean
    divergence     of a VAE's bits: in nats a number of the picture, so that 1.0 is the paper's with unit noise

    Raises `BadArguments` for a negative weight, where pixels have none at all, and for one of a network that is not
    there.
    """

    l1: float = 0.0
    l2: float = 1.0
    frequency: float = 0.0
    ssim: float = 0.0
    ms_ssim: float = 0.0
    perceptual: float = 0.0
    divergence: float = 1e-6
    network: Perceptual | None = None

    def __post_init__(self) -> None:
        weights = (self.l1, self.l2, self.frequency, self.ssim, self.ms_ssim, self.perceptual)
        if min(*weights, self.divergence) < 0 or not any(weights):
            raise BadArguments(f"weights of losses are 0 or more, and one of them is more, not {weights}")
        if self.perceptual and self.network is None:
            raise BadArguments("a perceptual loss needs a network with its weights", hint="loss.trunk and loss.lin")

    def terms(
        self, painted: Float[torch.Tensor, "b 3 H W"], wanted: Float[torch.Tensor, "b 3 H W"]
    ) -> dict[str, Float[torch.Tensor, ""]]:
        """Those that count, by name, each times its weight: their sum is the loss."""
        with torch.autocast(painted.device.type, enabled=False):
            painted, wanted = full(painted), full(wanted)
            found: dict[str, torch.Tensor] = {}
            if self.l1:
                found["l1"] = self.l1 * (painted - wanted).abs().mean()
            if self.l2:
                found["l2"] = self.l2 * (painted - wanted).square().mean()
            if self.frequency:
                found["frequency"] = self.frequency * frequency_loss(painted, wanted)
            if self.ssim:
                found["ssim"] = self.ssim * (1 - ssim(painted, wanted).mean())
            if self.ms_ssim:
                found["ms_ssim"] = self.ms_ssim * (1 - ms_ssim(painted, wanted).mean())
            if self.perceptual and self.network is not None:
                found["perceptual"] = self.perceptual * self.network(painted, wanted).mean()
            return found


PSNR = Weights()  # the squared difference alone gives the best


def frequency_loss(
    painted: Float[torch.Tensor, "b 3 H W"], wanted: Float[torch.Tensor, "b 3 H W"]
) -> Float[torch.Tensor, ""]:
    """The squared distance of two spectra, each frequency weighted by its distance; the largest weight is 1.

    The weights have no gradient. Without them it would be L2: a Fourier transform keeps all distances.
    """
    difference = torch.fft.fft2(painted - wanted, norm="ortho")
    distance = difference.real.square() + difference.imag.square()
    weight = distance.detach().sqrt()
    largest = weight.amax((2, 3), keepdim=True)
    return (distance * weight / largest.clamp(min=torch.finfo(largest.dtype).tiny)).mean()


def ssim(a: Float[torch.Tensor, "b 3 H W"], b: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b"]:
    """Structural similarity of each pair as `measures.pixels.ssim` has it, before rounding to bytes.

    Flat windows of 7 × 7, sample covariance. Raises `BadArguments` for pictures that have no window.
    """
    _check_window(a, WINDOW)
    sample = WINDOW**2 / (WINDOW**2 - 1)
    luminance, structure = _similarity(a, b, _flat, sample)
    return (luminance * structure).mean((1, 2, 3))


def ms_ssim(a: Float[torch.Tensor, "b 3 H W"], b: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b"]:
    """Structural similarity of each pair over scales: Π structure ^ weight, times luminance ^ weight of the last.

    Gaussian windows of 11 × 11. The published five scales need 176 pixels a side; smaller pictures have the first of
    them, with weights of the same sum. Raises `BadArguments` for pictures that have no window.
    """
    _check_window(a, TAPS)
    scales = [weight for s, weight in enumerate(SCALES) if min(a.shape[2:]) >= TAPS << s]
    result = a.new_ones(len(a), a.shape[1])
    for s, weight in enumerate(scales):
        if s:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        luminance, structure = _similarity(a, b, _gaussian, 1.0)
        seen = luminance * structure if s == len(scales) - 1 else structure
        result = result * seen.mean((2, 3)).clamp(min=LEAST) ** (weight * sum(SCALES) / sum(scales))
    return result.mean(1)


def _similarity(
    a: Float[torch.Tensor, "b 3 H W"],
    b: Float[torch.Tensor, "b 3 H W"],
    blurred: Callable[[torch.Tensor], torch.Tensor],
    sample: float,
) -> tuple[Float[torch.Tensor, "b 3 h w"], Float[torch.Tensor, "b 3 h w"]]:
    """Luminance, and contrast with structure, of every window. `sample` makes variances those of a sample."""
    mean_a, mean_b = blurred(a), blurred(b)
    variances = sample * (blurred(a.square() + b.square()) - mean_a.square() - mean_b.square())
    covariance = sample * (blurred(a * b) - mean_a * mean_b)
    light_a, light_b = mean_a + REACH / 2, mean_b + REACH / 2  # counted from black
    luminance = (2 * light_a * light_b + C1) / (light_a.square() + light_b.square() + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _flat(x: Float[torch.Tensor, "b C H W"]) -> Float[torch.Tensor, "b C h w"]:
    """Means of flat windows; rows, then columns, as 14 sums cost less than 49."""
    return F.avg_pool2d(F.avg_pool2d(x, (WINDOW, 1), stride=1), (1, WINDOW), stride=1)


def _gaussian(x: Float[torch.Tensor, "b C H W"]) -> Float[torch.Tensor, "b C h w"]:
    """Weighted means, every window inside."""
    places = torch.arange(TAPS, dtype=x.dtype, device=x.device) - TAPS // 2
    weights = torch.softmax(-(places**2) / (2 * SIGMA**2), 0).expand(x.shape[1], 1, -1)
    across = F.conv2d(x, weights[:, :, None, :], groups=x.shape[1])
    return F.conv2d(across, weights[:, :, :, None], groups=x.shape[1])


def _check_window(pixels: torch.Tensor, side: int) -> None:
    height, width = pixels.shape[2:]
    if min(height, width) < side:
        raise BadArguments(f"structural similarity takes {side} × {side} pixels or more, not {height} × {width}")
