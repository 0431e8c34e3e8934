"""eval tokenizer: what a model that gives pictures back keeps of them, and what that costs."""

from pathlib import Path
from typing import Annotated

import typer

from lexel.cli.common import Json, backbone
from lexel.cli.eval import Model, Output, read_all, tell_result
from lexel.errors import BadArguments


def tokenizer(
    pictures: Annotated[str, typer.Argument(metavar="DATA", help="Pictures: folder, .tar, .parquet, hf:NAME.")],
    model: Model,
    tables: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of an entropy coder, instead of the model's own.")
    ] = None,
    lpips: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="TRUNK LIN", help="Two safetensors: VGG16 or AlexNet, and the weights of LPIPS."),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(metavar="NAME", help="For a Fréchet distance, such as facebook/dinov2-base.")
    ] = None,
    output: Output = None,
    as_json: Json = False,
) -> int:
    """Say what a model of codes or latents keeps of pictures, beside JPEG and WebP of as many bits.

    \b
    lexel eval tokenizer photos/ --model ./my-tokenizer
    lexel eval tokenizer photos/ --model stabilityai/sd-vae-ft-mse -o result.json

    PSNR and SSIM, bits a pixel (of fixed length, and of streams where there is an entropy coder), how codes use their
    codebook, and how many flip where the picture hardly changes. LPIPS and Fréchet distance need weights that lexel
    does not bring; digests of theirs stand in the result.
    """
    from lexel.autoencoders._autoencoder import Autoencoder
    from lexel.evals.perceptual import LPIPS
    from lexel.evals.reconstruction import Reconstruction
    from lexel.evals.result import Result, seen
    from lexel.loading.load import load
    from lexel.measures.coding import Tables
    from lexel.training.data import pictures_only

    loaded = load(model)
    if not isinstance(loaded, Autoencoder):
        raise BadArguments("gives no picture back", subject=model, hint="lexel eval probe looks at vectors")
    coder = Tables.load(tables) if tables else None
    perceptual = [LPIPS(*lpips)] if lpips else []
    judge = backbone(encoder) if encoder else None
    measured = Reconstruction(loaded, tables=coder, distances=perceptual, encoder=judge)
    used = {one.name: one.digest for one in perceptual} | ({judge.name: judge.digest} if judge else {})
    opened = pictures_only(pictures)
    read = read_all(measured.rows, opened)
    about = {"test": seen(opened.name, read)}
    result = Result.of("reconstruction", measured.metrics(read.vectors), loaded, about, weights=used)
    return tell_result(result, [read], output, as_json=as_json)
