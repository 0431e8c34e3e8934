"""What every loaded module has beside its own methods: a copy to train, and a variant that shares its weights."""

from copy import copy, deepcopy
from typing import TypeVar

from lexel.needs import torch

M = TypeVar("M", bound=torch.nn.Module)


class Loaded(torch.nn.Module):
    """A module that nothing changes: in `eval()`, without gradients, safe across threads."""

    def trainable(self: M) -> M:
        """A copy with its own weights, in `train()` and with gradients. The loaded module stays what it is."""
        return deepcopy(self).requires_grad_(True).train()


def changed(module: M, **children: object) -> M:
    """The same module with other children under these names; every weight is shared, nothing is copied."""
    other = copy(module)
    other.__dict__["_modules"] = {**module._modules, **children}
    return other
