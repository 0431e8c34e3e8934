"""From the settings of a file to a visual vocabulary in training.

[model] ─► autoencoder, new ─┐
[loss] [discriminator] ──────┼─► VocabularyTask ─► Job
[crops] ─► squares ──────────┘
"""

from pathlib import Path

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.errors import BadArguments
from lexel.evals.perceptual import LPIPS
from lexel.needs import torch
from lexel.training import light
from lexel.training.crops import Several, Squares
from lexel.training.discriminator import SMALLEST, PatchDiscriminator, group_norm
from lexel.training.job import Data, Job, Model, loaders, settled
from lexel.training.loader import Batch, unspelled
from lexel.training.losses import Weights
from lexel.training.reconstruct import ReconstructionTask
from lexel.training.sections import Tokenizer
from lexel.training.vocabulary import Judging, VocabularyTask


def job(config: Tokenizer, home: Path, data: Data, device: torch.device) -> Job[Batch]:
    """A new vocabulary with its data. `home` is the folder of the file.

    Raises `BadArguments` for a quantizer that there is not, and for losses that do not go together.
    """
    model, weights = _new(config).to(device), _weights(config, home, device)
    train = Several(data.train, config.crops.each, config.model.edge)
    loader, few = loaders(config, train, Squares(**config.crops.model_dump(exclude={"each"})), unspelled)
    settings, batch = settled(config, len(train))
    judging = _judging(config, model, settings.steps, device) if config.discriminator.weight else None

    def score(one: Model) -> dict[str, float]:
        assert isinstance(one, Autoencoder)
        return ReconstructionTask(one, data.held_out).measure()

    def become() -> Autoencoder:
        light.measure_scale(model.eval(), data.train)
        return model.requires_grad_(False)

    task = VocabularyTask(model, data.held_out, weights=weights, judging=judging)
    alone = ReconstructionTask(model, weights=weights)
    return Job(task, loader, settings, few, batch, score, become, alone)


def _new(config: Tokenizer) -> Autoencoder:
    """The autoencoder, in `train()` and with gradients."""
    said, seed = config.model, config.run.seed
    sizes = light.LightSizes(down=said.down, width=said.width, blocks=said.blocks, edge=said.edge)
    if said.kind == "vqvae":
        return light.vqvae(sizes, said.quantizer, seed=seed)
    return light.continuous(sizes, said.kind, said.channels, seed=seed)


def _weights(config: Tokenizer, home: Path, device: torch.device) -> Weights:
    """Raises `LoadError` for a network of LPIPS that cannot be loaded, `BadArguments` where nobody says which."""
    said = config.loss
    files = [str(home / Path(file).expanduser()) for file in (said.trunk, said.lin) if file]
    network = LPIPS(*files).network.to(device) if said.perceptual and len(files) == 2 else None
    return Weights(**said.model_dump(exclude={"trunk", "lin"}), network=network)


def _judging(config: Tokenizer, model: Autoencoder, steps: int, device: torch.device) -> Judging:
    """Somebody new, with weights of the seed. Raises `BadArguments` for squares without a patch.

    Numbers are normed picture by picture, so that processes are alike.
    """
    said = config.discriminator
    if config.crops.side < SMALLEST:
        raise BadArguments(f"a judge sees squares of {SMALLEST} pixels or more, not {config.crops.side}")
    with light.seeded(config.run.seed, "judge"):
        discriminator = PatchDiscriminator(width=said.width, norm=group_norm).to(device)
    last, start = light.last_layer(model), round(said.after * steps)
    return Judging(discriminator=discriminator, last=last, weight=said.weight, start=start, against=said.against)
