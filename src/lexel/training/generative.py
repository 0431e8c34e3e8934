"""Priors over codes as a task: crops drawn for the step, encoded by a vocabulary that is not trained.

    loader[step] ─► CodesLoader[step] ─► pixels ─ vocabulary ─► codes, lots ─► prior ─► loss of the cells that count
                      seed, step

Rule     what is hidden depends on the seed, the step and the first picture of the batch: not on chunks or what was
         before. Every objective says it by one array: what the guess of a cell counts, 0.0 where it is shown
Measure  bits a code on pictures that were not trained on, the same for all objectives, so that they can be compared;
         exact of a causal prior, of the others at most and on average
"""

from dataclasses import dataclass

from lexel.autoencoders._discrete import Discrete
from lexel.errors import BadArguments
from lexel.generators._generator import OBJECTIVES, Generator
from lexel.generators._objective import Objective, surprise
from lexel.generators._prior import Prior, PriorConfig, Vocabulary
from lexel.needs import torch
from lexel.nn.patches import Pixels
from lexel.shapes import Float, Int
from lexel.towers._config import Blocks
from lexel.training import initial
from lexel.training.data import Pairs
from lexel.training.held_out import readable
from lexel.training.loader import Batch, Prepare
from lexel.training.task import Bounds, Loader, drawn


def fresh(
    vocabulary: Discrete,
    *,
    objective: str = "maskgit",
    width: int = 160,
    depth: int = 4,
    heads: int = 5,
    side: int = 16,
    seed: int = 0,
) -> Generator:
    """A new generator on the CPU, in `train()` and with gradients. Of 1,024 codes it has 1.4 million parameters.

    vocabulary   as it will be loaded later: its name and the digest of its file go with the generator
    objective    "maskgit", "absorbing", "autoregressive"
    width        a multiple of 4 · `heads`
    side         cells of a side of the rasters that it will learn from; holes in larger ones are filled in such windows

    Raises `BadArguments` for sizes that do not go together, another objective, a vocabulary of several codebooks.
    """
    if objective not in OBJECTIVES:
        raise BadArguments(f"objective is one of {', '.join(OBJECTIVES)}, not {objective!r}")
    if width % (4 * heads):
        raise BadArguments(f"a width of {width} is no multiple of 4 · {heads} heads")
    if side < 1:
        raise BadArguments(f"a raster has 1 cell of a side or more, not {side}")
    config = PriorConfig(Vocabulary.of(vocabulary), objective, Blocks(width, depth, heads, 4 * width, "gelu"), side)
    with torch.device("meta"):
        model = Generator(Prior(config))
    initial.begin(model.to_empty(device="cpu"), initial.prior(config), seed=seed)
    _alike(model, vocabulary, seed=seed)
    return model.train()


@torch.no_grad()
def _alike(model: Generator, vocabulary: Discrete, *, seed: int) -> None:
    """Codes whose vectors are alike begin alike: half of what tells codes apart is their vectors, turned by lot."""
    table = model.image.codes.weight[: model.image.blank]
    device = next(vocabulary.parameters()).device
    vectors = vocabulary.image.quantizer.decode(torch.arange(len(table), device=device)).cpu()
    lots = torch.randn(vectors.shape[1], table.shape[1], generator=torch.Generator().manual_seed(seed))
    turned = (vectors - vectors.mean(dim=0)) @ lots
    table.add_(turned * (table.std() / turned.std().clamp(min=1e-12))).mul_(0.5**0.5)


@dataclass(frozen=True, eq=False)
class CodesBatch:
    """B rasters.

    codes   int64 `[B, h, w]`
    lots    float32 `[B, h, w]`: what the guess of a cell counts, 0.0 where it is shown
    """

    codes: Int[torch.Tensor, "B h w"]
    lots: Float[torch.Tensor, "B h w"]

    def __len__(self) -> int:
        return len(self.codes)


class CodesLoader:
    """The pictures of another loader as codes, with the lots of that step.

    vocabulary   encodes on its own device, without gradients
    """

    def __init__(self, loader: Loader[Batch], vocabulary: Discrete, objective: Objective, *, seed: int = 0) -> None:
        self._loader, self._vocabulary, self._objective, self._seed = loader, vocabulary, objective, seed

    def __getitem__(self, step: int) -> CodesBatch:
        """What this process sees at `step`, from 0. Raises `BadArguments` for pictures of different sizes."""
        batch = self._loader[step]
        codes = encoded(self._vocabulary, batch.pixels)
        b, h, w = codes.shape
        first = int(batch.indices[0]) if b else 0
        lots = self._objective.lots((b, h, w), seed=drawn(self._seed, "lots", step, first))
        return CodesBatch(codes, lots.to(codes.device))


class GenerativeTask:
    """A generator and the loss of its objective. It keeps `Task`.

    vocabulary   whose codes it learns
    held_out     pictures that it is measured with and not trained on
    prepare      how these become pixels, as for the loader: (picture, seed) → `[3, H, W]`

    Raises `BadArguments` for a vocabulary that is not the generator's.
    """

    def __init__(
        self, generator: Generator, vocabulary: Discrete, held_out: Pairs | None = None, *, prepare: Prepare
    ) -> None:
        if generator.vocabulary.space != vocabulary.space:
            raise BadArguments(f"knows {generator.vocabulary.space}, not {vocabulary.space}", subject=generator.name)
        self.module = generator
        self._vocabulary, self._held_out, self._prepare = vocabulary, held_out, prepare

    def gradients(self, batch: CodesBatch, chunk: int) -> dict[str, float]:
        """As `Task` says: nats, the mean over hidden cells (MaskGIT), or a code of the whole raster (the others)."""
        values, size = [], chunk or len(batch)
        for codes, lots in zip(batch.codes.split(size), batch.lots.split(size), strict=True):
            value = self._loss(codes, lots)
            value.backward()
            values.append(value.detach())
        return {"loss": float(torch.stack(values).sum())}

    def after_step(self) -> None:
        """Nothing has a range."""

    def measure(self) -> dict[str, float]:
        """`likelihood`: minus the bits a code, on average over held-out pictures; {} where there are none."""
        if self._held_out is None:
            return {}
        training, bits, count = self.module.training, 0.0, 0
        self.module.eval()
        with torch.inference_mode():
            for index, picture in readable(self._held_out):
                pixels = self._prepare(picture, drawn(0, "held out", index))
                codes = encoded(self._vocabulary, torch.from_numpy(pixels)[None]).to(self.module.image.bias.device)
                bits += float(self.module.objective.bits(self.module.image, codes, seed=index))
                count += codes.numel()
        self.module.train(training)
        return {"likelihood": -bits / count} if count else {}

    def bounds(self, batch: CodesBatch) -> Bounds:
        """Every raster can be learned by heart; blind is who knows how often each code is there."""
        counted = torch.bincount(batch.codes.flatten(), batch.lots.flatten().double()).cpu()
        shares = counted[counted > 0] / counted.sum()
        why = "" if len(shares) > 1 else "all cells have one and the same code"
        return Bounds(0.0, float(counted.sum() * -(shares * shares.log()).sum()), why)

    def size(self, batch: CodesBatch) -> tuple[int, int]:
        """Pictures, and their codes."""
        return len(batch), batch.codes.numel()

    def _loss(self, codes: Int[torch.Tensor, "b h w"], lots: Float[torch.Tensor, "b h w"]) -> Float[torch.Tensor, ""]:
        device = self.module.image.bias.device
        codes, lots = codes.to(device), lots.to(device)
        return (lots * surprise(self.module.image, codes, lots == 0)).sum()


def encoded(vocabulary: Discrete, pixels: Pixels) -> Int[torch.Tensor, "B h w"]:
    """The codes of prepared pictures of one size. Raises `BadArguments` for pictures of several."""
    with torch.no_grad():
        packed = vocabulary.encode_pixels(pixels)
    if len(grids := {(h, w) for h, w in packed.grid.tolist()}) != 1:
        raise BadArguments(f"a batch has one raster, not {len(grids)}: {sorted(grids)[:3]}")
    return packed.x.view(len(packed), *grids.pop())
