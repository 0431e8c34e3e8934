"""Text → drawing and drawing → text among all base drawings of a style, by language.

    python evaluate.py drawings MODEL               both styles, all languages: a table and JSON
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from drawings import Drawings, prepared
from restyle import on_white

import lexel
from lexel.evals.retrieval import retrieval
from lexel.shapes import Array, Float
from lexel.towers._dual import Dual


def seen(model: Dual, drawings: Drawings) -> Float[Array, "B D"]:
    """One unit vector for each drawing, as `model.embed` would give it."""
    with torch.inference_mode():
        some = [model.image.encode_pixels(prepared(on_white(pixels))) for pixels in drawings.pixels.split(256)]
        rows = torch.cat([model.image.pooled(packed) for packed in some])
    return torch.nn.functional.normalize(rows, dim=1).numpy()


def scores(model: Dual, drawings: Drawings, languages: Sequence[str]) -> dict[str, dict[str, float]]:
    """Recall of each language's labels, all drawings being the gallery."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    images, owner = seen(model, drawings), np.arange(len(drawings))
    found = {code: retrieval(images, model.embed(drawings.labels(code)), owner, k=(1, 5)) for code in languages}
    for part in training:
        part.training = True
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path)
    parser.add_argument("model")
    said = parser.parse_args()
    model = lexel.load(said.model)
    for style in ("noto", "twitter"):
        drawings = Drawings.of(said.drawings, style)
        print(style, json.dumps(scores(model, drawings, drawings.languages), indent=1))


if __name__ == "__main__":
    main()
