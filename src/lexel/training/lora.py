"""LoRA: a loaded model stays as it is, and beside each of its linear layers a narrow one learns what to add.

    x ─┬─ weight [O, D], frozen ──────────────── + ─►        merged: weight + alpha / rank · up · down
       └─ down [r, D] ─ up [O, r] ─ · alpha/r ───┘           up is zero at the start: nothing has changed yet

Paper    Hu et al. 2021, arXiv 2106.09685
Cost     r · (D + O) parameters a layer instead of D · O, in gradients, in the optimizer's memory and on disk
Rule     adapters belong to the weights that they were trained on, and are loaded onto no others

Where q, k and v are one layer, as in most towers here, they share `down` and have an `up` each.

    tuned = lora.add(clip)                        train it as any model: only adapters have gradients
    lora.save(tuned, "birds.safetensors")         the adapters alone: 3 MB for B/32
    lexel.save(lora.merge(tuned), "birds/")       a plain model, which any tool loads
"""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open

from lexel.disk import commit
from lexel.errors import BadArguments, LoadError
from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.shapes import Float
from lexel.towers._backbone import Backbone
from lexel.training.task import drawn

M = TypeVar("M", bound=Backbone)

ATTENTION = ("*.attention.qkv", "*.attention.out")
MARK = " lora"  # in the digest of a model that is no longer what its files say
FACTS = "lexel.lora"  # the one key of metadata: several give other bytes in every process


class LowRank(Linear):
    """A frozen linear layer and what is added to it. Who reads its `weight` gets the sum.

    base   the layer as it was loaded
    down   `[r, D]`, as torch draws the weight of a linear layer
    up     `[O, r]`, zeros
    """

    def __init__(self, base: torch.nn.Linear, rank: int, alpha: float, generator: torch.Generator) -> None:
        torch.nn.Module.__init__(self)
        self.base, self.scale = base, alpha / rank
        self.in_features, self.out_features = base.in_features, base.out_features
        like = base.weight
        bound = 1 / math.sqrt(base.in_features)
        down = torch.empty(rank, base.in_features).uniform_(-bound, bound, generator=generator)
        self.down = torch.nn.Parameter(down.to(like))
        self.up = torch.nn.Parameter(like.new_zeros(base.out_features, rank))

    @property
    def weight(self) -> Float[torch.Tensor, "O D"]:  # type: ignore[override]  # torch has an attribute there
        """What the layer multiplies with: frozen and learned together."""
        return torch.addmm(self.base.weight, self.up, self.down, alpha=self.scale)

    @property
    def bias(self) -> Float[torch.Tensor, "O"] | None:  # type: ignore[override]
        """That of the frozen layer."""
        return self.base.bias

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N O"]:
        """The frozen layer, and the way round it."""
        y: torch.Tensor = self.base(x)
        return torch.add(y, linear(linear(x, self.down), self.up), alpha=self.scale)


def add(model: M, *, rank: int = 8, alpha: float = 16.0, targets: Sequence[str] = ATTENTION, seed: int = 0) -> M:
    """A copy of the model with adapters, in `train()`; nothing but them has gradients.

    rank      r
    alpha     how strongly an adapter is added: alpha / rank. It stays when the rank changes
    targets   patterns of the names of linear layers: "image.*.mlp.fc?"
    seed      of `down`

    Raises `BadArguments` for a pattern that names no linear layer, and for a model that has adapters already.

        tuned = lora.add(clip, rank=4, targets=["image.*.attention.qkv"])
    """
    if rank < 1:
        raise BadArguments(f"the rank is 1 or more, not {rank}")
    if any(_adapters(model)):
        raise BadArguments(f"{model.name} has adapters already: merge them first")
    linears = [name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)]
    for pattern in targets:
        if not any(fnmatchcase(name, pattern) for name in linears):
            hint = f"it has {', '.join(linears[:4])}, … {len(linears)} in all" if linears else ""
            raise BadArguments(f"{model.name} has no linear layer {pattern!r}", hint=hint)
    chosen = [name for name in linears if any(fnmatchcase(name, pattern) for pattern in targets)]
    return _with_adapters(model, dict.fromkeys(chosen, rank), alpha, seed)


def merge(model: M) -> M:
    """A plain copy of the model, its adapters added to the weights they stand beside, in `eval()`, without gradients.

    A model without adapters comes back as a copy.
    """
    merged = model.trainable().eval().requires_grad_(False)
    for name, adapter in list(_adapters(merged)):
        adapter.base.weight.copy_(adapter.weight)
        merged.set_submodule(name, adapter.base)
    if tensors := _tensors(model):
        merged.digest = f"{_digest_of_base(model)} merged {_digest(tensors)}"
    return merged


def save(model: Backbone, path: str | Path) -> None:
    """Write the adapters alone, with the digest of the model that they belong to.

    Raises `BadArguments` for a model that has none, or that was never loaded from files.
    """
    tensors, base = _tensors(model), _digest_of_base(model)
    if not tensors:
        raise BadArguments(f"{model.name} has no adapters")
    if not base:
        raise BadArguments(f"{model.name} was not loaded from files: nobody could find what the adapters belong to")
    from safetensors.torch import save_file

    facts = {"version": 1, "base": base, "name": model.name, "alpha": _alpha(model)}
    with commit(path) as temporary:
        save_file(tensors, temporary, metadata={FACTS: json.dumps(facts, sort_keys=True)})


def load(model: M, path: str | Path) -> M:
    """A copy of the model with the adapters of a file, in `eval()`, without gradients.

    Raises `LoadError` for a file that holds no adapters, or those of other weights.
    """
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {}).get(FACTS, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dictionary
    except (OSError, SafetensorError, ValueError) as error:
        raise LoadError("cannot be read as adapters", subject=str(path)) from error
    if not isinstance(facts, dict) or facts.get("version") != 1 or not {"base", "name", "alpha"} <= facts.keys():
        raise LoadError("holds no adapters that this version of lexel knows", subject=str(path))
    if facts["base"] != model.digest:
        hint = f"they were trained on {facts['name']}, of other weights"
        raise LoadError(f"its adapters are not of {model.name}", subject=str(path), hint=hint)
    ranks = {name.removesuffix(".down"): len(x) for name, x in tensors.items() if name.endswith(".down")}
    try:
        adapted = _with_adapters(model, ranks, facts["alpha"], seed=0)
        adapted.load_state_dict(tensors, strict=False)
    except (AttributeError, RuntimeError) as error:
        raise LoadError("its adapters fit no layer", subject=str(path)) from error
    adapted.digest = f"{model.digest}{MARK} {_digest(tensors)}"
    return adapted.eval().requires_grad_(False)


def _with_adapters(model: M, ranks: dict[str, int], alpha: float, seed: int) -> M:
    adapted = model.trainable().requires_grad_(False)
    for name, rank in ranks.items():
        generator = torch.Generator().manual_seed(drawn(seed, "lora", name))
        base = adapted.get_submodule(name)
        assert isinstance(base, torch.nn.Linear)
        adapted.set_submodule(name, LowRank(base, rank, alpha, generator))
    adapted.digest += MARK
    return adapted


def _adapters(model: Backbone) -> Iterator[tuple[str, LowRank]]:
    return ((name, part) for name, part in model.named_modules() if isinstance(part, LowRank))


def _tensors(model: Backbone) -> dict[str, torch.Tensor]:
    """`down` and `up` of every adapter, on the CPU."""
    return {
        f"{name}.{side}": getattr(adapter, side).detach().cpu()
        for name, adapter in _adapters(model)
        for side in ("down", "up")
    }


def _alpha(model: Backbone) -> float:
    _, first = next(_adapters(model))
    return first.scale * len(first.down)


def _digest_of_base(model: Backbone) -> str:
    return model.digest.partition(MARK)[0]


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].float().numpy().tobytes())
    return digest.hexdigest()
