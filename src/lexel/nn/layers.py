"""The small modules that towers are made of: linear layers on our kernel, embeddings, activations, MLPs, a scale."""

from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.shapes import Float


class Linear(torch.nn.Linear):
    """torch's linear layer, computed by `kernels.linear`."""

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N O"]:
        """`x · weightᵀ + bias`."""
        return linear(x, self.weight, self.bias)


class KeylessLinear(torch.nn.Linear):
    """q, k and v beside each other, the keys without a bias: `bias` is `[2D]`, of q and of v."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 3 * width, bias=False)
        self.bias = torch.nn.Parameter(torch.zeros(2 * width))

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N O"]:
        """`x · weightᵀ + (bias of q, 0, bias of v)`."""
        q, v = self.bias.chunk(2)
        return linear(x, self.weight, torch.cat([q, torch.zeros_like(q), v]))


class Sum(torch.nn.Module):
    """x + y: the residual connection of most blocks."""

    def forward(self, x: Float[torch.Tensor, "N D"], y: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        """Elementwise."""
        return x + y


class ScaledSum(torch.nn.Module):
    """x + y · w, a learned factor for each channel (LayerScale), in one pass over the rows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(width))

    def forward(self, x: Float[torch.Tensor, "N D"], y: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        """Each channel by itself."""
        return torch.addcmul(x, y, self.weight)


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

    `gelu` is the exact form, `gelu_pytorch_tanh` and `gelu_new` its approximation, `silu` is x · σ(x),
    `relu` max(x, 0).
    """
    return {
        "quick_gelu": QuickGELU(),
        "gelu": torch.nn.GELU(),
        "gelu_pytorch_tanh": torch.nn.GELU("tanh"),
        "gelu_new": torch.nn.GELU("tanh"),
        "silu": torch.nn.SiLU(),
        "relu": torch.nn.ReLU(),
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


class GatedMLP(torch.nn.Module):
    """activation(a) · b, then down: `[N, width]` → a and b, `[N, hidden]` each → `[N, width]` (SwiGLU with SiLU).

    `fc1` holds a, then b.
    """

    def __init__(self, width: int, hidden: int, activation: torch.nn.Module) -> None:
        super().__init__()
        self.fc1 = Linear(width, 2 * hidden)
        self.activation = activation
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N D"]:
        """Each token by itself."""
        a, b = self.fc1(x).chunk(2, dim=1)
        y: torch.Tensor = self.fc2(self.activation(a) * b)
        return y
