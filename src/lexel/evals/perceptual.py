"""LPIPS: how different two pictures look to a network that was trained for something else.

    a ─► trunk ─► f₁ … f₅ ─ unit over channels ─┐
                                                ├─► w·(â − b̂)² ─► mean over places ─► sum of five
    b ─► trunk ─► f₁ … f₅ ─ unit over channels ─┘

    VGG16      after relu1_2, 2_2, 3_3, 4_3, 5_3     64 128 256 512 512 channels
    AlexNet    after each of its five ReLUs          64 192 384 256 256 channels

Paper      Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv 1801.03924
Kind       distance, 0 for equal pictures; a network gives it, and another network another: say which
Needs      two files that lexel does not bring: the trunk under torchvision's names (features.0.weight, …) and the
           published weights of the five layers, v0.1 (lin0.model.1.weight, …), both as safetensors
Cost       VGG16: 15 billion multiply-adds a picture of 224 × 224
Checked by test_lpips_equals_its_literal_steps, test_a_trunk_is_the_published_one
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lexel.errors import BadArguments, MissingKeys, WrongShape
from lexel.loading.files import Checkpoint, Tensors
from lexel.needs import torch
from lexel.shapes import Array, Float, UInt8

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-10
PADDING = {11: 2, 5: 2, 3: 1}  # of a kernel so wide; the widest steps by 4


@dataclass(frozen=True)
class Trunk:
    """A network as far as LPIPS looks.

    name      as tables call it
    convs     numbers of the convolutions before each of the five places, in `features` of torchvision
    pooled    which of the five parts a max-pooling begins
    pool      its width; it steps by 2
    channels  at the five places
    least     pixels a side below which nothing is left
    """

    name: str
    convs: tuple[tuple[int, ...], ...]
    pooled: tuple[int, ...]
    pool: int
    channels: tuple[int, ...]
    least: int


VGG16 = Trunk(
    name="vgg",
    convs=((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
    pooled=(1, 2, 3, 4),
    pool=2,
    channels=(64, 128, 256, 512, 512),
    least=16,
)
ALEXNET = Trunk(
    name="alex",
    convs=((0,), (3,), (6,), (8,), (10,)),
    pooled=(1, 2),
    pool=3,
    channels=(64, 192, 384, 256, 256),
    least=31,
)


@dataclass(frozen=True)
class LPIPS:
    """The distance, of files: a small value that `compare` can send to another process.

    trunk, lin    safetensors files. The number of channels says whether this is VGG16 or AlexNet

    Called on two pictures as bytes it gives their distance; `network` gives those of many tensors, with gradients.
    Raises `LoadError` and its kinds for files that are none of these.

        LPIPS("vgg16.safetensors", "lpips-vgg.safetensors")(a.pixels, b.pixels)
    """

    trunk: str
    lin: str

    @property
    def network(self) -> "Perceptual":
        """The module, made once a process."""
        return _network(self.trunk, self.lin)

    @property
    def name(self) -> str:
        """ "LPIPS (vgg)" or "LPIPS (alex)"."""
        return f"LPIPS ({self.network.trunk.name})"

    @property
    def digest(self) -> str:
        """Of both files: what makes two such distances the same."""
        return "-".join(_tensors(path).digest for path in (self.trunk, self.lin))

    def __call__(self, a: UInt8[Array, "H W 3"], b: UInt8[Array, "H W 3"]) -> float:
        """Of two pictures of one size. Raises `BadArguments` where that is too small for the trunk."""
        network = self.network
        device = network.shift.device
        pixels = [torch.tensor(x, device=device).permute(2, 0, 1)[None].float() / 127.5 - 1 for x in (a, b)]
        with torch.inference_mode():
            return float(network(pixels[0], pixels[1]))


class Perceptual(torch.nn.Module):
    """Trunk and weights as one frozen module: pixels from −1 to 1, two of them, → distances `[b]`."""

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, trunk: Trunk, features: dict[str, torch.Tensor], lin: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.trunk = trunk
        self.convolutions = torch.nn.ModuleDict()
        for number in (number for part in trunk.convs for number in part):
            weight = features[f"features.{number}.weight"]
            kernel = weight.shape[2]
            made = torch.nn.utils.skip_init(
                torch.nn.Conv2d,
                weight.shape[1],
                weight.shape[0],
                kernel,
                stride=4 if kernel == 11 else 1,
                padding=PADDING[kernel],
            )
            made.load_state_dict({"weight": weight, "bias": features[f"features.{number}.bias"]})
            self.convolutions[str(number)] = made
        self.lin = torch.nn.ParameterList([lin[f"lin{k}.model.1.weight"].float() for k in range(len(trunk.convs))])
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None])
        self.eval().requires_grad_(False)

    def forward(
        self, painted: Float[torch.Tensor, "b 3 H W"], wanted: Float[torch.Tensor, "b 3 H W"]
    ) -> Float[torch.Tensor, "b"]:
        """Distances, with gradients to both. Raises `BadArguments` for sides that the trunk has no place for."""
        if min(painted.shape[2:]) < self.trunk.least:
            raise BadArguments(f"LPIPS of {self.trunk.name} takes {self.trunk.least} pixels a side or more")
        total = painted.new_zeros(len(painted))
        for a, b, weight in zip(self._seen(painted), self._seen(wanted), self.lin, strict=True):
            total = total + torch.nn.functional.conv2d((a - b).square(), weight).mean(dim=(1, 2, 3))
        return total

    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> list[Float[torch.Tensor, "b _ _ _"]]:
        """What stands at the five places, of length 1 over channels."""
        x, found = (pixels - self.shift) / self.scale, []
        for part, numbers in enumerate(self.trunk.convs):
            if part in self.trunk.pooled:
                x = torch.nn.functional.max_pool2d(x, self.trunk.pool, 2)
            for number in numbers:
                x = self.convolutions[str(number)](x).relu()
            found.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + EPSILON))
        return found


@cache
def _network(trunk: str, lin: str) -> Perceptual:
    features, layers = _tensors(trunk), _tensors(lin)
    widths = tuple(layers.shapes.get(f"lin{k}.model.1.weight", (0, 0, 0, 0))[1] for k in range(5))
    kind = next((kind for kind in (VGG16, ALEXNET) if kind.channels == widths), None)
    if kind is None:
        raise WrongShape(f"holds no weights of LPIPS: {widths} channels", subject=lin)
    names = [f"features.{number}.{part}" for part_of in kind.convs for number in part_of for part in ("weight", "bias")]
    if missing := [name for name in names if name not in features.shapes]:
        raise MissingKeys(f"is no {kind.name} of torchvision: it has no {missing[0]}", subject=trunk)
    wide = tuple(features.shapes[f"features.{numbers[-1]}.weight"][0] for numbers in kind.convs)
    if wide != kind.channels:
        raise WrongShape(f"has {wide} channels where {kind.name} has {kind.channels}", subject=trunk)
    weights = {name: value.float() for name, value in features.read(names)}
    return Perceptual(kind, weights, dict(layers.read([f"lin{k}.model.1.weight" for k in range(5)])))


@cache
def _tensors(path: str) -> Tensors:
    return Tensors.of(Checkpoint.of(Path(path), path).weights())
