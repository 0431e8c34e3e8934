"""The toy's model, how it begins, and the two tasks that it learns.

    drawing 64 × 64 ─► ModifiedResNet ─► [256] ─► which of 1,911?        NamedTask
                                         [256] ─► which of 256 captions? WordsTask, the image tower locked
    text ─► causal transformer ────────► [256] ─┘

The layout is OpenCLIP's of convolutional towers, so that `lexel.save` and `lexel.load` know it.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from drawings import Drawings, prepared, scores
from restyle import on_white, restyled

from lexel.loading.files import Checkpoint
from lexel.loading.spellers import LateSpeller
from lexel.pictures.published import clip
from lexel.shapes import Float
from lexel.towers._config import Blocks, TextConfig
from lexel.towers._dual import Dual
from lexel.towers._modified_resnet import ModifiedResNet, ResNetConfig
from lexel.towers.clip import ClipText
from lexel.training import initial
from lexel.training.dual import DualTask
from lexel.training.task import drawn
from lexel.words.bpe import ClipSpeller

SIDE = 64  # of a drawing in pixels
SCALE = math.log(1 / 0.07)  # where OpenAI's temperature begins
MOST = math.log(100)


def new(words: Path, config: Mapping[str, Any]) -> Dual:
    """A model of random numbers over the vocabulary in the folder `words`, channels last: three times as fast."""
    seed, said, sight = config["seed"], config["text"], config["image"]
    length, space = said["length"], sight["embed_dim"]
    speller = LateSpeller(Checkpoint(words, str(words)), length, lambda: ClipSpeller.from_folder(words, length=length))
    tokens = json.loads((words / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    blocks = Blocks(said["width"], said["depth"], said["heads"], hidden=4 * said["width"])
    torch.manual_seed(seed)  # of the convolutions, which begin as torch makes them
    tower = ModifiedResNet(ResNetConfig(tuple(sight["blocks"]), sight["width"], SIDE // 32, space))
    text = ClipText(TextConfig(blocks, 1 + max(tokens.values()), length, space, speller.end))
    model = Dual(tower, text, preparation=clip(SIDE), speller=speller)
    initial.begin(model, rules(tower.width, blocks), seed=seed)
    return model.to(memory_format=torch.channels_last).train()


def rules(width: int, words: Blocks) -> initial.Rules:
    """OpenAI's: every bottleneck begins as its shortcut."""
    residual = words.width**-0.5 * (2 * words.depth) ** -0.5
    return {
        "logit_scale": initial.constant(SCALE),
        "image.layer*.bn3.weight": initial.constant(0),
        "image.attnpool.positional_embedding": initial.normal(width**-0.5),
        "image.attnpool.*.weight": initial.normal(width**-0.5),
        "image.attnpool.*.bias": initial.constant(0),
        "image.*": as_it_is,
        "text.*norm*": as_it_is,
        "text.words.weight": initial.normal(0.02),
        "text.positions": initial.normal(0.01),
        "text.*.attention.qkv.weight": initial.normal(words.width**-0.5),
        "text.*.attention.out.weight": initial.normal(residual),
        "text.*.mlp.fc1.weight": initial.normal((2 * words.width) ** -0.5),
        "text.*.mlp.fc2.weight": initial.normal(residual),
        "text.*.bias": initial.constant(0),
        "text.projection.weight": initial.normal(words.width**-0.5),
    }


def as_it_is(parameter: torch.Tensor, draw: torch.Generator) -> None:
    """Nothing is drawn."""


class Named(torch.nn.Module):
    """An image tower and one vector for each drawing, in its own space: what the tower is trained with first.

    The tower begins so that drawings lie around 0 and not in a cone, and the vectors where their drawings then lie: a
    tower of random numbers tells drawings apart already. From random vectors it takes 300 steps until the loss is
    better than chance, from these none.
    """

    def __init__(self, tower: ModifiedResNet, drawings: Drawings) -> None:
        super().__init__()
        self.tower = tower
        with torch.no_grad():
            seen = [tower.pooled(tower.encode_pixels(prepared(on_white(some)))) for some in drawings.pixels.split(274)]
            middle = torch.cat(seen).mean(0)
            tower.attnpool.c_proj.bias -= middle
            rows = torch.nn.functional.normalize(torch.cat(seen) - middle, dim=1)
        self.names = torch.nn.Parameter(rows)
        self.logit_scale = torch.nn.Parameter(torch.tensor(SCALE))

    def forward(self, pixels: Float[torch.Tensor, "B 3 S S"]) -> Float[torch.Tensor, "B N"]:
        """How well each drawing's vector fits each picture."""
        unit = torch.nn.functional.normalize
        seen = unit(self.tower.pooled(self.tower.encode_pixels(pixels)), dim=1)
        return self.logit_scale.exp() * seen @ unit(self.names, dim=1).T


class NamedTask:
    """Which of all drawings is it? A `Task` whose batches are pixels and the numbers of their drawings."""

    def __init__(self, named: Named, drawings: Drawings) -> None:
        self.module, self.drawings = named, drawings

    def gradients(self, batch: tuple[torch.Tensor, torch.Tensor], chunk: int) -> dict[str, float]:
        """The cross-entropy over all drawings, and the share that was right; all of a batch at once."""
        pixels, indices = batch
        logits = self.module(pixels)
        loss = torch.nn.functional.cross_entropy(logits, indices)
        loss.backward()
        right = (logits.detach().argmax(1) == indices).float().mean()
        return {"loss": float(loss.detach()), "right": float(right)}

    def after_step(self) -> None:
        """The scale stays within 1 … 100."""
        with torch.no_grad():
            self.module.logit_scale.clamp_(0, MOST)

    def measure(self) -> dict[str, float]:
        """The share of drawings as they are that are told."""
        self.module.eval()
        with torch.inference_mode():
            found = [self.module(prepared(on_white(some))).argmax(1) for some in self.drawings.pixels.split(256)]
        self.module.train()
        return {"told": float((torch.cat(found) == torch.arange(len(self.drawings))).float().mean())}


class WordsTask(DualTask):
    """The contrastive task beside a locked image tower that has seen all that it will see: batches hold its vectors."""

    def __init__(self, dual: Dual, drawings: Drawings) -> None:
        super().__init__(dual)
        self.drawings = drawings

    def _see(self, pixels: Float[torch.Tensor, "b D"]) -> Float[torch.Tensor, "b D"]:
        return pixels

    def measure(self) -> dict[str, float]:
        """Recall of English labels, both ways, among all drawings as they are."""
        return scores(self.module, self.drawings, ["en"])["en"]


def remembered(
    tower: ModifiedResNet, drawings: Drawings, *, views: int, strength: float, seed: int
) -> Float[torch.Tensor, "K N E"]:
    """How the tower sees each drawing as it is and in `views` other ways: unit rows."""
    tower.eval()
    rows = []
    with torch.inference_mode():
        for view in range(views + 1):
            draw = torch.Generator().manual_seed(drawn(seed, "remembered", view))
            for some in drawings.pixels.split(256):
                levels = restyled(some, strength, draw) if view else on_white(some)
                rows.append(tower.pooled(tower.encode_pixels(prepared(levels))))
    seen = torch.nn.functional.normalize(torch.cat(rows), dim=1)
    return seen.view(views + 1, len(drawings), -1).clone()  # out of inference mode
