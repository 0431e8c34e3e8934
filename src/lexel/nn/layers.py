"""The small modules that towers are made of: a linear layer on our kernel, a table of vectors, activations, the MLP."""

from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.shapes import Float


class Linear(torch.nn.Linear):
    """torch's linear layer, computed by `kernels.linear`."""

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N O"]:
        """`x · weightᵀ + bias`."""
        return linear(x, self.weight, self.bias)


class Embedding(torch.nn.Embedding):
    """torch's table of vectors, at zero until a checkpoint fills it."""

    def reset_parameters(self) -> None:
        """Nothing is drawn. torch would draw even where there is no memory, and load its compiler for that: 1.5 s."""
        torch.nn.init.zeros_(self.weight)


class QuickGELU(torch.nn.Module):
    """x · σ(1.702 x), the activation of OpenAI's CLIP. Not GELU: features differ by a cosine of 0.97."""

    def forward(self, x: Float[torch.Tensor, "N F"]) -> Float[torch.Tensor, "N F"]:
        """Elementwise. Where nothing wants gradients one array is written instead of three."""
        if torch.is_grad_enabled() and x.requires_grad:
            return x * torch.sigmoid(1.702 * x)
        return (x * 1.702).sigmoid_().mul_(x)


def activation(name: str) -> torch.nn.Module:
    """The activation that published configs call `name`; raises `KeyError` for another one.

    `gelu` is the exact form, `gelu_pytorch_tanh` and `gelu_new` its approximation.
    """
    return {
        "quick_gelu": QuickGELU(),
        "gelu": torch.nn.GELU(),
        "gelu_pytorch_tanh": torch.nn.GELU("tanh"),
        "gelu_new": torch.nn.GELU("tanh"),
    }[name]


class MLP(torch.nn.Module):
    """Up, activation, down: `[N, width]` → `[N, hidden]` → `[N, width]`."""

    def __init__(self, width: int, hidden: int, activation: torch.nn.Module) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.activation = activation
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        """Each token by itself."""
        y: torch.Tensor = self.fc2(self.activation(self.fc1(x)))
        return y
