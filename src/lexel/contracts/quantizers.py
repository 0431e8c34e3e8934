"""The contract of quantizers: what every one keeps, however it chooses codes.

    check_quantizer(VQ(8, codebook_size=1024))       every check below, in order

A check is shown vectors that are spread around 0, far out, all equal, all 0, and none at all. The quantizer is set back
afterwards: weights, codebooks, and whether it trains.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, cast

from lexel.contracts.common import expect
from lexel.errors import BadArguments
from lexel.pipelines.grammar import parse
from lexel.pipelines.resolve import resolve

if TYPE_CHECKING:
    import torch

    from lexel.quantizers._quantizer import Quantizer

CODES = 1024  # of a codebook that are looked at; of a larger one, as many drawn evenly


def check_quantizer(quantizer: "Quantizer") -> None:
    """Every check of the contract. Raises `AssertionError` with a sentence: what broke, and on which vectors."""
    for check in QUANTIZER_CHECKS:
        check(quantizer)


def check_is_its_text(quantizer: "Quantizer") -> None:
    """`repr` is the canonical text of a stage, and a quantizer of the same form comes back from it."""
    said = repr(quantizer)
    try:
        [stage] = parse(said).stages
    except (BadArguments, ValueError) as error:
        raise AssertionError(f"the repr of a quantizer is its stage, such as fsq(8, 5); this is {said}") from error
    expect(str(stage) == said, f"the repr {said} is not canonical: write {stage}")
    again = resolve(stage)
    expect(type(again) is type(quantizer) and repr(again) == said, f"{said} gives {again!r}")


def check_names_vectors_by_codes(quantizer: "Quantizer") -> None:
    """Codes are int64, `[N]` or `[N, Q]`, each below the K of its codebook."""
    from lexel.needs import torch

    for case, x in _cases(quantizer):
        codes, sizes = quantizer.codes(x), quantizer.sizes
        shape = (len(x),) if codes.ndim == 1 else (len(x), len(sizes))
        expect(codes.dtype == torch.int64 and codes.shape == shape, f"{quantizer!r} on {case}: codes are int64 {shape}")
        expect(codes.ndim == 2 or len(sizes) == 1, f"{quantizer!r}: one column of codes for each of sizes={sizes}")
        columns = codes.reshape(len(x), len(sizes))
        inside = (columns >= 0) & (columns < torch.tensor(sizes))
        expect(bool(inside.all()), f"{quantizer!r} on {case}: a code lies outside its codebook")


def check_gives_vectors_back(quantizer: "Quantizer") -> None:
    """`decode` gives finite float32 `[N, dim]`. Those of codes `[N]` are rows of `codebook`, each with its own code."""
    from lexel.kernels.lookup import nearest
    from lexel.needs import torch

    draw = torch.Generator().manual_seed(0)
    few = max(quantizer.sizes) <= CODES
    columns = [torch.arange(CODES) % k if few else torch.randint(k, (CODES,), generator=draw) for k in quantizer.sizes]
    single = quantizer.codes(torch.zeros(0, quantizer.dim)).ndim == 1
    codes = columns[0] if single else torch.stack(columns, dim=1)
    with torch.no_grad():
        x = quantizer.decode(codes)
        expect(x.dtype == torch.float32 and x.shape == (CODES, quantizer.dim), f"{quantizer!r}: float32 [N, dim]")
        expect(bool(x.isfinite().all()), f"{quantizer!r}: a code stands for what is not finite")
        if single and few:
            codebook: torch.Tensor = quantizer.codebook  # type: ignore[attr-defined]  # a part of the promise of these
            expect(torch.equal(codebook[codes].float(), x), f"{quantizer!r}: codebook[k] is what decode makes of k")
            expect(torch.equal(nearest(x, codebook), codes), f"{quantizer!r}: two codes stand for one vector")


def check_evaluates_as_it_decodes(quantizer: "Quantizer") -> None:
    """In `eval()` the quantized vectors are those of the codes to the last bit, and so are the codes."""
    from lexel.needs import torch

    with _mode(quantizer, training=False):
        for case, x in _cases(quantizer):
            made, codes = quantizer(x), quantizer.codes(x)
            said = f"{quantizer!r} on {case}"
            expect(torch.equal(made.codes, codes), f"{said}: forward and codes disagree")
            expect(torch.equal(made.quantized, quantizer.decode(codes)), f"{said}: quantized is not what decode gives")


def check_loses_finitely(quantizer: "Quantizer") -> None:
    """Losses are finite scalars, in both modes, and on no vectors too."""
    for training in (True, False):
        with _mode(quantizer, training=training):
            for case, x in _cases(quantizer):
                for name, loss in quantizer(x).losses.items():
                    good = loss.ndim == 0 and bool(loss.isfinite())
                    expect(good, f"{quantizer!r} on {case}: the loss {name} is no finite scalar")


def check_lets_gradients_through(quantizer: "Quantizer") -> None:
    """In `train()` gradients of the quantized vectors and of the losses reach every vector, and are finite."""
    with _mode(quantizer, training=True):
        for case, x in _cases(quantizer):
            x.requires_grad_(True)
            made = quantizer(x)
            (made.quantized.sin().sum() + sum(made.losses.values())).backward()
            said = f"{quantizer!r} on {case}"
            expect(x.grad is not None and bool(x.grad.isfinite().all()), f"{said}: a gradient is not finite")
            if case == "spread vectors" and x.grad is not None:
                expect(bool(x.grad.abs().amax(dim=1).gt(0).all()), f"{said}: no gradient reaches a vector")


def check_changes_in_update_alone(quantizer: "Quantizer") -> None:
    """Neither `forward` in either mode nor `codes` nor `decode` changes the quantizer or the vectors."""
    from lexel.needs import torch

    for training in (True, False):
        with _mode(quantizer, training=training):
            before = {name: value.clone() for name, value in _state(quantizer).items()}
            for case, x in _cases(quantizer):
                shown = x.clone()
                quantizer.decode(quantizer.codes(x))
                quantizer(x)
                kept = torch.equal(shown, x)
                expect(kept, f"{quantizer!r} on {case}: it wrote into the vectors")
            changed = [name for name, value in _state(quantizer).items() if not torch.equal(value, before[name])]
            expect(not changed, f"{quantizer!r}: forward changed {', '.join(changed)}")


def check_learns_from_nothing(quantizer: "Quantizer") -> None:
    """An `update` with no vectors changes nothing; with vectors what it leaves is finite."""
    from lexel.needs import torch

    with _mode(quantizer, training=True):
        before = {name: value.clone() for name, value in _state(quantizer).items()}
        none = torch.zeros(0, quantizer.dim)
        quantizer.update(none, quantizer.codes(none))
        same = all(torch.equal(value, before[name]) for name, value in _state(quantizer).items())
        expect(same, f"{quantizer!r}: an update with no vectors changed it")
        for case, x in _cases(quantizer):
            quantizer.update(x, quantizer.codes(x))
            finite = all(bool(value.isfinite().all()) for value in _state(quantizer).values())
            expect(finite, f"{quantizer!r}: after an update with {case} it is not finite")


def check_batches_do_not_matter(quantizer: "Quantizer") -> None:
    """A vector alone has the code that it has among others."""
    from lexel.needs import torch

    for case, x in _cases(quantizer):
        codes = quantizer.codes(x)
        alone = [quantizer.codes(row) for row in x[:8].split(1)]
        expect(not alone or torch.equal(torch.cat(alone), codes[:8]), f"{quantizer!r} on {case}: alone it is another")


def check_takes_bfloat16(quantizer: "Quantizer") -> None:
    """Vectors in bfloat16 have the codes and vectors of the same numbers in float32."""
    from lexel.needs import torch

    with _mode(quantizer, training=False):
        for case, x in _cases(quantizer):
            half = x.bfloat16()
            made, same = quantizer(half), quantizer(half.float())
            equal = torch.equal(made.codes, same.codes) and torch.equal(made.quantized, same.quantized)
            expect(equal, f"{quantizer!r} on {case}: bfloat16 has other codes than the same numbers in float32")


def check_is_its_state(quantizer: "Quantizer") -> None:
    """Another of the same text with the same `state_dict` gives equal codes and vectors."""
    from lexel.needs import torch

    other = cast("Quantizer", resolve(parse(repr(quantizer)).stages[0]))
    _module(other).load_state_dict(_state(quantizer))
    with _mode(quantizer, training=False), _mode(other, training=False):
        for case, x in _cases(quantizer):
            a, b = quantizer(x), other(x)
            equal = torch.equal(a.codes, b.codes) and torch.equal(a.quantized, b.quantized)
            expect(equal, f"{quantizer!r} on {case}: its state_dict does not say all")


QUANTIZER_CHECKS: tuple[Callable[["Quantizer"], None], ...] = (
    check_is_its_text,
    check_names_vectors_by_codes,
    check_gives_vectors_back,
    check_evaluates_as_it_decodes,
    check_loses_finitely,
    check_lets_gradients_through,
    check_changes_in_update_alone,
    check_learns_from_nothing,
    check_batches_do_not_matter,
    check_takes_bfloat16,
    check_is_its_state,
)


def _cases(quantizer: "Quantizer") -> Iterator[tuple[str, "torch.Tensor"]]:
    from lexel.needs import torch

    draw = torch.Generator().manual_seed(0)
    spread = torch.randn(50, quantizer.dim, generator=draw)
    yield "no vectors", torch.zeros(0, quantizer.dim)
    yield "one vector", spread[:1].clone()
    yield "spread vectors", spread.clone()
    yield "vectors far out", 1000 * spread
    yield "equal vectors", spread[:1].repeat(9, 1)
    yield "vectors of length 0", torch.zeros(9, quantizer.dim)


def _module(quantizer: "Quantizer") -> "torch.nn.Module":
    """The same, as type checkers know it."""
    from lexel.needs import torch

    expect(isinstance(quantizer, torch.nn.Module), f"{quantizer!r} is no torch.nn.Module")
    return cast("torch.nn.Module", quantizer)


def _state(quantizer: "Quantizer") -> dict[str, "torch.Tensor"]:
    return _module(quantizer).state_dict()


@contextmanager
def _mode(quantizer: "Quantizer", *, training: bool) -> Iterator[None]:
    """In `train()` or `eval()` inside; afterwards as it was before."""
    module = _module(quantizer)
    before, was = deepcopy(module.state_dict()), module.training
    module.train(training)
    try:
        yield
    finally:
        module.load_state_dict(before)
        module.train(was)
        module.zero_grad()
