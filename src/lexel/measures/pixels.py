"""How far one picture is from another: MSE, PSNR, SSIM. All over uint8 RGB, all exact until the last division.

    a ▒▒▒▒▒▒      7 × 7 windows, every place inside      SSIM = mean of (2·x̄·ȳ + C1)(2·cov + C2)
    b ▒▒▒▓▒▒   →  x̄, ȳ, var, cov of each                                (x̄² + ȳ² + C1)(var + var + C2)

Source: Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP 13(4), as
scikit-image computes it by default: flat windows, sample covariance, the mean of the channels.
"""

import math

import numpy as np

from lexel.shapes import Array, Float, Int, UInt8

WINDOW = 7  # pixels a side
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
STRIP = 32  # rows of windows at a time: sums of a strip stay in the cache


def mse(a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> float:
    """Mean squared error over all pixels and channels, 0 to 65,025."""
    error = np.subtract(a, b, dtype=np.float64).ravel()
    return float(error @ error) / error.size


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error of bytes; infinite for 0."""
    return 10 * math.log10(255**2 / error) if error else math.inf


def ssim(a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> float:
    """Structural similarity, at most 1, which only equal pictures have.

    Equal to `skimage.metrics.structural_similarity(a, b, channel_axis=2, data_range=255)` to 1e-6. Raises `ValueError`
    for pictures of less than 7 pixels a side, which have no window.
    """
    rows, columns = (side - WINDOW + 1 for side in a.shape[:2])
    if rows < 1 or columns < 1:
        raise ValueError(f"SSIM takes {WINDOW} × {WINDOW} pixels or more, not {a.shape[0]} × {a.shape[1]}")
    total = 0.0
    for top in range(0, rows, STRIP):
        strip = slice(top, min(top + STRIP, rows) + WINDOW - 1)
        total += float(_similarity(a[strip].astype(np.int32), b[strip].astype(np.int32)).sum())
    return total / float(rows * columns * 3)


def _similarity(x: Int[Array, "H W 3"], y: Int[Array, "H W 3"]) -> Float[Array, "h w 3"]:
    """SSIM of every window, from sums of whole numbers below 2³¹."""
    n = WINDOW**2
    sx, sy = _sums(x), _sums(y)
    means, products = sx * sx + sy * sy, sx * sy  # n² times what their names say, as are the next two
    variances, covariance = n * _sums(x * x + y * y) - means, n * _sums(x * y) - products
    sample = n / (n - 1)
    above = (2.0 * products + C1 * n**2) * (2 * sample * covariance + C2 * n**2)
    similarity: Array = above / ((means + C1 * n**2) * (sample * variances + C2 * n**2))
    return similarity


def _sums(x: Int[Array, "H W C"]) -> Int[Array, "h w C"]:
    """The sum of every window of 7 × 7: four additions a side, as 7 = 2 + 2 + 2 + 1."""
    for axis in (0, 1):
        x = np.moveaxis(x, axis, 0)
        places, two = len(x) - WINDOW + 1, x[:-1] + x[1:]
        x = np.moveaxis(two[:places] + two[2:][:places] + two[4:][:places] + x[6:], 0, axis)
    return x
