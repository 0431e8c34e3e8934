"""How well the toy finds drawings by their labels, and labels by drawings: seen style, unseen style, photographs.

    python evaluate.py drawings MODEL -o result.json

    noto          1,911 base drawings of the style that it learned
    twitter       the same 1,911 in a style that it never saw
    photographs   those that scikit-image holds, by their file names: chance is what should come out

Every label of a language asks once, every drawing of a style is in the gallery; pictures go the way that a user's go.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import skimage.data

import lexel
from lexel.evals.retrieval import retrieval
from lexel.towers._dual import Dual

# What scikit-image has of the world, and what its files are called.
PHOTOGRAPHS = """astronaut.png brick.png camera.png cell.png chelsea.png clock_motion.png coffee.png coins.png grass.png
gravel.png horse.png hubble_deep_field.jpg moon.png motorcycle_left.png page.png retina.jpg rocket.jpg text.png"""


def main() -> None:
    """A table on the screen, and the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drawings", type=Path, help="what prepare.py wrote")
    parser.add_argument("model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    said = parser.parse_args()
    model = lexel.load(said.model)
    assert isinstance(model, Dual)
    result = {
        "weights": model.digest,
        "versions": {name: version(name) for name in ("lexel", "numpy", "pillow", "torch")},
        **{style: styled(model, said.drawings, style) for style in ("noto", "twitter")},
        "photographs": photographs(model),
    }
    said.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for style in ("noto", "twitter"):
        for language, found in result[style].items():
            print(f"{style:<12}{language:<9}" + "  ".join(f"{name} {value:6.1%}" for name, value in found.items()))
    print("photographs " + "  ".join(f"{name} {value:6.1%}" for name, value in result["photographs"].items()))


def styled(model: Dual, folder: Path, style: str) -> dict[str, dict[str, float]]:
    """Recall of each language, then their mean."""
    table = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    names = sorted(name for name, facts in table.items() if facts["of"] is None)
    images = model.embed(lexel.read([folder / style / f"{name}.png" for name in names]))
    found = {}
    for language in sorted(table[names[0]]["said"]):
        texts = model.embed([table[name]["said"][language][0] for name in names])
        found[language] = recall(images, texts)
    found["mean"] = {name: float(np.mean([row[name] for row in found.values()])) for name in found["en"]}
    return found


def photographs(model: Dual) -> dict[str, float]:
    """Recall among the photographs of scikit-image."""
    names = PHOTOGRAPHS.split()
    images = model.embed(lexel.read([Path(skimage.data.__file__).with_name(name) for name in names]))
    return recall(images, model.embed([Path(name).stem.replace("_", " ") for name in names]))


def recall(images: np.ndarray, texts: np.ndarray) -> dict[str, float]:
    """R@1 and R@5 both ways: text i belongs to image i."""
    return retrieval(images, texts, np.arange(len(images)), k=(1, 5))


if __name__ == "__main__":
    main()
