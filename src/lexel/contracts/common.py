"""What all contracts share: the sentence that says what broke, and the text of a method."""

import numpy as np

from lexel.errors import BadArguments, UnknownName
from lexel.pipelines.grammar import parse
from lexel.pipelines.registry import find
from lexel.pipelines.resolve import MODEL
from lexel.shapes import Array


def expect(holds: bool | np.bool_, sentence: str) -> None:
    """Raise `AssertionError` with the sentence, under `python -O` too."""
    if not holds:
        raise AssertionError(sentence)


def same(a: Array, b: Array) -> bool:
    """Whether two arrays are equal to the byte, dtype and shape too."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def check_is_its_text(method: object) -> None:
    """`repr` is the canonical text of a stage, and an equal object comes back from it. Of a model, text is all."""
    said, cls = repr(method), type(method)
    try:
        [stage] = parse(said).stages
    except (BadArguments, ValueError) as error:
        raise AssertionError(f"the repr of a method is its stage, such as tome(r=4); this is {said}") from error
    expect(str(stage) == said, f"the repr {said} is not canonical: write {stage}")
    if MODEL.search(stage.name):
        return
    again = cls(*stage.args, **stage.kwargs)
    expect(again == method, f"{said} gives another {cls.__name__}: is == defined, as a frozen dataclass has it?")
    try:
        found = find(stage.name)
    except UnknownName:  # a method on its way to a name
        return
    expect(found is cls, f"the name {stage.name} in the repr means {found.__name__}, not {cls.__name__}")
