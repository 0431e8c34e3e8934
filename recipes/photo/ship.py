"""Put a trained photo vocabulary into the package: weights in float16, settings, tables of its entropy coder, card.

    python recipes/photo/ship.py photo-fsq runs                 writes src/lexel/shipped/photo-fsq/
    python recipes/photo/ship.py photo-fsq runs result.json     the card alone, with what evaluate.py found

Tables are fitted, and the scale of latents measured, on crops and photographs that it learned from.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from card import card
from model import CODES, LEVELS, VOCABULARIES
from pictures import CropLoader, photographs
from safetensors.torch import load_file, save_file

import lexel
from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._continuous import Scaling, Variational
from lexel.autoencoders._discrete import Discrete
from lexel.autoencoders.vae import VAE
from lexel.autoencoders.vqvae import VQVAE, VQVAEConfig
from lexel.loading.load import TABLES
from lexel.measures.coding import Tables
from lexel.shapes import Array, Int
from lexel.training import state

SHIPPED = Path(__file__).parents[2] / "src" / "lexel" / "shipped"
CROPS, SIDE = 60, 256


def main() -> None:
    """One vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=VOCABULARIES)
    parser.add_argument("folder", type=Path, help="what train.py wrote")
    parser.add_argument("result", type=Path, nargs="?", help="what evaluate.py wrote")
    said = parser.parse_args()
    torch.set_num_threads(1)
    found = json.loads(said.result.read_text(encoding="utf-8")) if said.result else {}
    if not found:
        put(said.name, said.folder)
    (SHIPPED / said.name / "README.md").write_text(card(said.name, found.get(said.name, {})), encoding="utf-8")


def put(name: str, folder: Path) -> None:
    """Weights, settings and tables."""
    run = folder / name / VOCABULARIES[name].stages[-1].name
    model = halved(finished(name, run), SHIPPED / name)
    if isinstance(model, Discrete):
        tables(model).save(SHIPPED / name / TABLES)
        (SHIPPED / name / TABLES).chmod(0o644)


def finished(name: str, run: Path) -> Autoencoder:
    """The model of the newest checkpoint, without what only training needs."""
    found = state.newest(run)
    assert found is not None
    weights = found.weights()
    model = VOCABULARIES[name].model().eval()
    model.load_state_dict(weights)
    if isinstance(model, Variational) and isinstance(model.image, VAE):
        model.image.config = replace(model.image.config, scaling=scaling(model))
    elif isinstance(model.image, VQVAE) and "decay" in model.image.config.quantizer:  # averages are for training
        config = VQVAEConfig(light=model.image.config.light, quantizer=f"vq(8, codebook_size={CODES})")
        still = Discrete(VQVAE(config), preparation=model.preparation).eval()
        kept = still.state_dict()
        still.load_state_dict({key: value for key, value in weights.items() if key in kept})
        return still
    return model


def halved(model: Autoencoder, folder: Path) -> Autoencoder:
    """Saved in float16, and loaded from there: what everybody will have."""
    folder.mkdir(exist_ok=True)
    (folder / TABLES).unlink(missing_ok=True)  # those of weights that were here before
    lexel.save(model, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({key: value.half() for key, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    loaded = lexel.load(folder)
    assert isinstance(loaded, Autoencoder)
    return loaded


def tables(model: Discrete) -> Tables:
    """How likely codes are beside each other."""
    rasters = encoded(model)
    if "fsq" in repr(model.image.quantizer):  # by vectors a tenth fewer bits, and nine times the time
        return Tables.fit(rasters, LEVELS)
    return Tables.fit(rasters, codebook=model.image.quantizer.codebook.numpy())


def scaling(model: Variational) -> Scaling:
    """Mean and deviation of each channel."""
    with torch.inference_mode():
        loader = CropLoader(2, SIDE, seed=1)
        rows = torch.cat([model.encode_pixels(loader[step].pixels).x for step in range(CROPS)])
    return Scaling(1.0, tuple(map(float, rows.mean(dim=0))), tuple(map(float, rows.std(dim=0))))


def encoded(model: Discrete) -> Iterator[Int[Array, "h w"]]:
    """Codes of what it learned from."""
    loader = CropLoader(2, SIDE, seed=1)
    with torch.inference_mode():
        for step in range(CROPS):
            packed = model.encode_pixels(loader[step].pixels)
            rows = packed.x.numpy().reshape(2, SIDE // model.image.cell, SIDE // model.image.cell)
            yield from rows
    for pixels in {id(one): one for one in photographs()}.values():
        yield from model.tokenize(lexel.read([pixels])).grids()


if __name__ == "__main__":
    main()
