"""eval tokenizer: what a model that gives pictures back keeps of them, and what that costs."""

from pathlib import Path
from typing import Annotated

import typer

from lexel.cli.common import Json
from lexel.cli.eval import Model, Output, read_all, tell_result
from lexel.errors import BadArguments


def tokenizer(
    pictures: Annotated[str, typer.Argument(metavar="DATA", help="Pictures: folder, .tar, .parquet, hf:NAME.")],
    model: Model,
    tables: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of an entropy coder, instead of the model's own.")
    ] = None,
    output: Output = None,
    as_json: Json = False,
) -> int:
    """Say what a model of codes or latents keeps of pictures, beside JPEG and WebP of as many bits.

    \b
    lexel eval tokenizer photos/ --model ./my-tokenizer
    lexel eval tokenizer photos/ --model stabilityai/sd-vae-ft-mse -o result.json

    PSNR and SSIM, bits a pixel (of fixed length, and of streams where there is an entropy coder), how codes use their
    codebook, and how many flip where the picture hardly changes.
    """
    from lexel.autoencoders._autoencoder import Autoencoder
    from lexel.evals.reconstruction import Reconstruction
    from lexel.evals.result import Result, seen
    from lexel.loading.load import load
    from lexel.measures.coding import Tables
    from lexel.training.data import pictures_only

    loaded = load(model)
    if not isinstance(loaded, Autoencoder):
        raise BadArguments("gives no picture back", subject=model, hint="lexel eval probe looks at vectors")
    measured = Reconstruction(loaded, tables=Tables.load(tables) if tables else None)
    opened = pictures_only(pictures)
    read = read_all(measured.rows, opened)
    result = Result.of("reconstruction", measured.metrics(read.vectors), loaded, {"test": seen(opened.name, read)})
    return tell_result(result, [read], output, as_json=as_json)
