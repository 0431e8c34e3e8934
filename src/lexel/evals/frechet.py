"""Fréchet distance of two clouds of vectors: how differently pictures and their reconstructions are distributed.

    FD = |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½)

Over the vectors of a published encoder it is a measure of generated pictures: FID over those of one Inception-v3
(Heusel et al. 2017, arXiv 1706.08500), FD-DINOv2 over those of DINOv2, which agrees better with people (Stein et al.
2023, arXiv 2306.04675). Every encoder has a scale of its own: a number without its name says nothing. lexel has no
Inception, and calls nothing FID.

With fewer pictures than the vectors have numbers the distance comes out too large, more so for fewer: compare only
equal numbers of pictures.
"""

import numpy as np

from lexel.errors import BadArguments
from lexel.shapes import Array, Float


def frechet_distance(a: Float[Array, "n D"], b: Float[Array, "m _"]) -> float:
    """Of two clouds, in float64: 0 for equal ones.

    Raises `BadArguments` for less than two vectors and for widths that differ.
    """
    if min(len(a), len(b)) < 2 or a.shape[1:] != b.shape[1:]:
        raise BadArguments(f"a Fréchet distance is of two vectors or more of one width, not {a.shape} and {b.shape}")
    a, b = a.astype(np.float64), b.astype(np.float64)
    shift = a.mean(axis=0) - b.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    root = _root(first)
    # Σ₁Σ₂ has the eigenvalues of Σ₁^½ Σ₂ Σ₁^½, which is symmetric: no root of a matrix that is not.
    both = np.linalg.eigvalsh(root @ second @ root)
    traces = np.trace(first) + np.trace(second) - 2 * np.sqrt(np.maximum(both, 0)).sum()
    return float(max(shift @ shift + traces, 0.0))


def _root(matrix: Float[Array, "D D"]) -> Float[Array, "D D"]:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    root: Array = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
