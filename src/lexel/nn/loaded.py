"""What every loaded module has beside its own methods: a copy to train, two aliases, variants that share weights."""

import os
from copy import copy, deepcopy
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from lexel.needs import torch

if TYPE_CHECKING:
    from lexel.autoencoders._autoencoder import Autoencoder
    from lexel.generators._generator import Generator
    from lexel.towers._backbone import Backbone

M = TypeVar("M", bound=torch.nn.Module)
T = TypeVar("T")  # a module, too, under the name of a protocol that it keeps


class Loaded(torch.nn.Module):
    """A module that nothing changes: in `eval()`, without gradients, safe across threads."""

    def trainable(self: M) -> M:
        """A copy with its own weights, in `train()` and with gradients. The loaded module stays what it is."""
        return deepcopy(self).requires_grad_(True).train()

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str],
        *,
        device: str = "auto",
        dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
    ) -> "Loaded":
        """`lexel.load(name, …)`, under the name that users of Hugging Face know."""
        import lexel

        return lexel.load(os.fspath(name), device=device, dtype=dtype)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """`lexel.save(self, folder)`, likewise."""
        import lexel

        lexel.save(cast("Backbone | Autoencoder | Generator", self), os.fspath(folder))


def changed(module: T, **parts: object) -> T:
    """The same module with other children, parameters or attributes under these names.

    Every other weight is shared, nothing is copied.
    """
    other = copy(module)
    for kind in ("_modules", "_parameters"):
        other.__dict__[kind] = {**getattr(module, kind)}
    for name, part in parts.items():
        setattr(other, name, part)
    return other
