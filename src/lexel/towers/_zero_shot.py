"""Zero-shot classification: a class is the mean of its prompts, a picture belongs where its cosine is largest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """A classifier made of words. Call it with pictures, or with their vectors.

    labels      C names
    weights     float32 `[C, E]`: the unit vector of each class
    scale       what a cosine is multiplied by
    bias        None: one label a picture, probabilities sum to 1. A number: each label by itself, its own probability
    embed       pictures → unit vectors
    """

    labels: tuple[str, ...]
    weights: Float[Array, "C E"]
    scale: float
    bias: float | None
    embed: Callable[[Iterable[Picture] | Array], Float[Array, "B E"]]

    def scores(self, pictures: Iterable[Picture] | Array) -> Float[Array, "B C"]:
        """Plain cosines."""
        return self.embed(pictures) @ self.weights.T

    def __call__(self, pictures: Iterable[Picture] | Array) -> Float[Array, "B C"]:
        """Probabilities, float32: of one label a picture (softmax), or of each by itself (sigmoid)."""
        logits = self.scores(pictures) * np.float32(self.scale)
        if self.bias is not None:
            return 1 / (1 + np.exp(-(logits + np.float32(self.bias))))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return odds / odds.sum(axis=1, keepdims=True)
