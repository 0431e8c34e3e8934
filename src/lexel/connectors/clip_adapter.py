"""CLIP-Adapter: a small network behind a frozen encoder bends its vectors towards your classes.

    vector f ─┬─ down [D/4, D] ─ ReLU ─ up [D, D/4] ─ ReLU ─ · 0.2 ─ + ─ unit ─► cosines with the classes
              └──────────────────────────────────────────── · 0.8 ───┘

Paper      Gao et al. 2021, arXiv 2110.04544
Kind       connector; learned from a few labelled pictures, in seconds, without running the encoder again
Needs      vectors of a dual encoder, and a zero-shot classifier of it
Cost       D² / 2 multiply-adds a picture
Checked by test_clip_adapter_is_the_published_formula, test_clip_adapter_learns_what_words_did_not_say,
           test_clip_adapter_does_not_mind_the_length_of_a_vector

There are no biases, so that an adapted vector keeps its direction whatever its length was: the unit vectors that
`embed` gives do as well as the published vectors of any length.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.pictures.picture import Picture
from lexel.shapes import Array, Float, Int
from lexel.towers._zero_shot import ZeroShot

WARM_RATE = 1e-5  # of the first epoch, then a cosine: the recipe of CoOp, as those of the paper


class ClipAdapter(torch.nn.Module):
    """Vectors → adapted unit vectors.

    width       D
    reduction   how much narrower the middle is
    ratio       share of what was learned; the rest is the vector as it came
    seed        of the weights before they are learned, which are drawn as torch draws them
    """

    def __init__(self, width: int, *, reduction: int = 4, ratio: float = 0.2, seed: int = 0) -> None:
        super().__init__()
        self.ratio = ratio
        self.down = Linear(width, width // reduction, bias=False)
        self.up = Linear(width // reduction, width, bias=False)
        draw = torch.Generator().manual_seed(seed)
        for layer in (self.down, self.up):
            torch.nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=draw)

    def forward(self, x: Float[torch.Tensor, "B D"]) -> Float[torch.Tensor, "B D"]:
        """Each vector by itself, of length 1."""
        learned = torch.relu(self.up(torch.relu(self.down(x))))
        return torch.nn.functional.normalize(self.ratio * learned + (1 - self.ratio) * x, dim=1)

    def adapted(self, zero_shot: ZeroShot) -> ZeroShot:
        """The same classifier, of adapted vectors."""

        def embed(pictures: Iterable[Picture] | Array) -> Float[Array, "B E"]:
            with torch.inference_mode():
                return self(torch.from_numpy(zero_shot.embed(pictures))).numpy()

        return replace(zero_shot, embed=embed)

    @classmethod
    def fitted(
        cls,
        zero_shot: ZeroShot,
        vectors: Float[Array, "B D"],
        labels: Int[Array, "B"],
        *,
        held_out: tuple[Float[Array, "V D"], Int[Array, "V"]] | None = None,
        epochs: int = 200,
        patience: int = 20,
        learning_rate: float = 2e-3,
        batch: int = 32,
        seed: int = 0,
    ) -> "ClipAdapter":
        """An adapter that was trained for this classifier: cross-entropy, SGD, a cosine of the rate.

        vectors, labels   of the pictures to learn from; a label is a row of the classifier's `weights`
        held_out          vectors and labels of others: the best epoch by them is kept, and it ends when `patience`
                          epochs brought nothing better. Without them the last epoch is kept

            adapter = ClipAdapter.fitted(clip.zero_shot(classes), clip.embed(pictures), labels)
            adapter.adapted(clip.zero_shot(classes))(others)      # [B, C] probabilities

        Raises `BadArguments` where there is nothing to learn from.
        """
        if not len(vectors) or len(vectors) != len(labels):
            raise BadArguments(f"{len(vectors)} vectors and {len(labels)} labels: nothing to learn from")
        adapter = cls(vectors.shape[1], seed=seed)
        classes = torch.from_numpy(zero_shot.weights)
        x, y = torch.from_numpy(vectors), torch.from_numpy(labels)
        draw = torch.Generator().manual_seed(seed)
        sgd = torch.optim.SGD(adapter.parameters(), lr=learning_rate, momentum=0.9, weight_decay=5e-4)
        reached, best = -1.0, 0
        kept = adapter.state_dict()
        for epoch in range(epochs):
            for group in sgd.param_groups:
                group["lr"] = learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2 if epoch else WARM_RATE
            for some in torch.randperm(len(x), generator=draw).split(batch):
                logits = zero_shot.scale * adapter(x[some]) @ classes.T
                sgd.zero_grad()
                torch.nn.functional.cross_entropy(logits, y[some]).backward()
                sgd.step()
            if held_out is None:
                continue
            if (score := _accuracy(adapter.adapted(zero_shot), *held_out)) > reached:
                reached, best = score, epoch
                kept = {name: value.clone() for name, value in adapter.state_dict().items()}
            elif epoch - best >= patience:
                break
        adapter.load_state_dict(kept)  # itself, where nothing was held out
        return adapter.eval().requires_grad_(False)


def _accuracy(classifier: ZeroShot, vectors: Float[Array, "V D"], labels: Int[Array, "V"]) -> float:
    return float(np.mean(classifier.scores(vectors).argmax(axis=1) == labels))
