"""What every quantizer is: vectors in, codes out, and back; and how its text becomes one.

    x [N, D] ── codes ──►  [N]  or  [N, Q], one column a codebook
    x [N, D] ◄─ decode ──  codes
    x [N, D] ── forward ─► Quantized: codes, quantized [N, D] that lets gradients through to x, losses

Numbers are float32 whatever comes in: bfloat16 has too few digits to tell near codes apart (1 to 4 % of the codes
change). `forward` changes nothing; a codebook that is not learned by gradients moves in `update` alone, which the
trainer calls after a step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.pipelines.grammar import Stage, Value, parse
from lexel.shapes import Float, Int


@dataclass(frozen=True)
class Quantized:
    """What a quantizer makes of vectors.

    codes       int64 `[N]`, or `[N, Q]` for Q codebooks
    quantized   float32 `[N, D]`. In `eval()` exactly what `decode` gives; in `train()` gradients go through it to x
    losses      by name, scalars that already have their published weight: their sum is added to the loss
    """

    codes: Int[torch.Tensor, "N *Q"]
    quantized: Float[torch.Tensor, "N D"]
    losses: dict[str, torch.Tensor]


@runtime_checkable
class Quantizer(Protocol):
    """A `torch.nn.Module`; its `repr` is its text in a recipe.

    dim     D, the width of the vectors
    sizes   K of each codebook, one a column of codes

    One with a single codebook also has `codebook`, `[K, D]`: row k is what `decode` makes of k.
    """

    dim: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """K of each codebook."""
        ...

    def codes(self, x: Float[torch.Tensor, "N D"]) -> Int[torch.Tensor, "N *Q"]:
        """The codes of vectors. Without gradients, the same in `train()` and `eval()`."""
        ...

    def decode(self, codes: Int[torch.Tensor, "N *Q"]) -> Float[torch.Tensor, "N D"]:
        """The vectors that codes stand for."""
        ...

    def __call__(self, x: Float[torch.Tensor, "N D"]) -> Quantized:
        """Codes, vectors and losses. Changes nothing."""
        ...

    def update(self, x: Float[torch.Tensor, "N D"], codes: Int[torch.Tensor, "N *Q"]) -> None:
        """Learn from a step what gradients do not teach. `codes` are those that `forward` gave for `x`."""
        ...


def built(text: str) -> Quantizer:
    """The quantizer of a text such as `fsq(8, 5, 5, 5)`.

    Raises `BadArguments` for a text that is no quantizer, and whatever a pipeline raises for its stage.
    """
    from lexel.pipelines.resolve import resolve

    stages = parse(text).stages
    made = resolve(stages[0])
    if len(stages) > 1 or not isinstance(made, Quantizer):
        raise BadArguments(f"{text} is no quantizer", hint="one of fsq(8, 5, 5, 5), lfq(10), vq(8, codebook_size=1024)")
    return made


def repeated(text: str, count: int) -> torch.nn.ModuleList:
    """So many quantizers of one text.

    Raises `BadArguments` where each would give a row of codes, beside what `built` raises.
    """
    made = cast("list[torch.nn.Module]", [built(text) for _ in range(count)])
    own = {name for name, _ in (*made[0].named_parameters(recurse=False), *made[0].named_buffers(recurse=False))}
    if "codebook" not in own and not hasattr(type(made[0]), "codebook"):
        raise BadArguments(f"{text} has several codebooks; those of one can be repeated")
    return torch.nn.ModuleList(made)


def text(quantizer: object, *args: Value, **kwargs: Value) -> str:
    """The text of a quantizer that was made with these arguments: `fsq(8, 5, 5, 5)`. The name is the file's."""
    return str(Stage(_name(quantizer), args, kwargs))


def check_whole(quantizer: object, least: int, **numbers: int) -> None:
    """Raise `BadArguments` where one of these is no whole number from `least`."""
    for name, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            raise BadArguments(f"{_name(quantizer)}: {name} is a whole number from {least}, not {number!r}")


def straight_through(x: Float[torch.Tensor, "N D"], quantized: Float[torch.Tensor, "N D"]) -> torch.Tensor:
    """The value of `quantized`, up to one rounding, with the gradient of `x`."""
    return x + (quantized - x).detach()


def mean_losses(made: Sequence[Quantized]) -> dict[str, torch.Tensor]:
    """The mean of each loss over several quantizers of one kind."""
    names = made[0].losses
    return {name: torch.stack([one.losses[name] for one in made]).mean() for name in names}


def _name(quantizer: object) -> str:
    return type(quantizer).__module__.rpartition(".")[2]
