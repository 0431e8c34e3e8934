"""Which instances of each method the contract is run on.

The stages that the docstring of a method's class shows are its first examples, so that a new method edits nothing
here. `CORNERS` adds settings at the ends of their ranges, where they are other code than the middle.
"""

import re

from lexel.errors import BadArguments
from lexel.pipelines.grammar import parse
from lexel.pipelines.registry import find, methods
from lexel.pipelines.resolve import resolve

CORNERS = {
    "bsq": ["bsq(2)", "bsq(62)"],
    "fsq": ["fsq(3)", "fsq(8, 8, 8, 5, 5, 5)"],
    "gumbel": ["gumbel(2, temperature=0.0625)"],
    "grid": ["grid(3, 2)", "grid(1, 1, size=20)"],
    "kmeans": ["kmeans(1, 1)", "kmeans(5, 300)"],
    "lfq": ["lfq(1)", "lfq(13)"],
    "patch": ["patch(1)", "patch(16, size=40)", "patch(7, size=(20, 30))"],
    "pool": ["pool(1)", "pool(2, 3)", "pool(1000)"],
    "product": ["product('fsq(5, 4)', 3)", "product('vq(3, codebook_size=5, decay=0.5)', 1)"],
    "pyramid": ["pyramid(5)", "pyramid(1, 2)"],
    "quadtree": ["quadtree(8, 8)", "quadtree(2, 16, threshold=(1.0, 2.0, 0.5), size=None)"],
    "random_drop": ["random_drop(0)", "random_drop(5, seed=3)", "random_drop(1.0)"],
    "residual": ["residual('simvq(3, codebook_size=7)', 1)", "residual('vq(3, codebook_size=5, decay=0.9)', 2)"],
    "resize": ["resize(1)", "resize(3, 2)", "resize(100000)"],
    "rotation": ["rotation(\"residual('vq(3, codebook_size=5)', 2)\")"],
    "simvq": ["simvq(1, codebook_size=2)"],
    "superpixel": ["superpixel(1)", "superpixel(300, compactness=40.0, size=None)"],
    "tome": ["tome(r=0)", "tome(r=4)", "tome(r=100000)"],
    "vq": ["vq(1, codebook_size=1)", "vq(70, codebook_size=300, decay=0.0)"],
}


def shown(name: str) -> list[str]:
    """The stages of method `name` in the docstring of its class, such as `tome(r=98)`, each once."""
    found = []
    for text in re.findall(rf"\b{name}\((?:[^()]|\([^()]*\))*\)", find(name).__doc__ or ""):
        try:
            found.append(str(parse(text)))
        except BadArguments:  # the form of a call, such as pool(rows, cols)
            continue
    return list(dict.fromkeys(found))


def examples(room: str) -> list[str]:
    """The texts of all examples of a room's methods."""
    names = [method.name for method in methods() if method.room == room]
    return list(dict.fromkeys(text for name in names for text in [*shown(name), *CORNERS.get(name, [])]))


def built(text: str) -> object:
    """The instance behind one example."""
    [stage] = parse(text).stages
    return resolve(stage)
