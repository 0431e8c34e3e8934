"""Names and numbers of a run as people read them: on the screen, in the curve, in the card.

image_retrieval_recall@1   0.3124   →   R@1 text → picture    31.2 %
psnr                       24.871   →   PSNR                  24.87 dB
scale                      14.2857  →   temperature           14.3
"""

import re
from collections.abc import Mapping

RECALL = re.compile(r"(image|text)_retrieval_recall@(\d+)")
NAMES = {
    "loss": "loss",
    "scale": "temperature",  # what cosines are multiplied by; the paper's temperature is 1 / this
    "images_alike": "pictures",
    "texts_alike": "texts",
    "learning_rate": "rate",
    "gradient": "gradient",
    "psnr": "PSNR",
    "used": "codes used",
    "dead": "dead codes",
    "judge": "judge",
    "listens": "weight of the judge",
}


def called(name: str) -> str:
    """What people call a loss, a fact or a measure."""
    if found := RECALL.fullmatch(name):
        return f"R@{found[2]} {'text → picture' if found[1] == 'image' else 'picture → text'}"
    return NAMES.get(name, name.replace("_", " "))


def amount(name: str, value: float) -> str:
    """Its value: shares as percentages, PSNR in dB, the rest in three digits."""
    if RECALL.fullmatch(name) or name == "used":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} dB" if name == "psnr" else f"{value:.3g}"


def first(measures: Mapping[str, float]) -> str:
    """The measure that counts, such as `R@1 31.2 %`; "" where nothing was measured."""
    name = next(iter(measures), "")
    return f"{called(name).split(' text ')[0]} {amount(name, measures[name])}" if name else ""


def counting(measures: Mapping[str, float]) -> list[str]:
    """The names of the measure that counts and of those like it: R@1 both ways, without R@5."""
    counts, *others = measures
    return [counts, *(name for name in others if name.rpartition("@")[2] == counts.rpartition("@")[2])]
