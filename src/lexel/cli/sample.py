"""sample: new pictures from a generator, a box of a picture anew, and the way between two pictures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lexel.cli.common import Json, Overwrite, png_bytes, read_inputs
from lexel.errors import BadArguments, NoMatch

if TYPE_CHECKING:
    from lexel.autoencoders._autoencoder import Autoencoder
    from lexel.autoencoders._continuous import Continuous
    from lexel.generators._generator import Generator
    from lexel.generators._objective import Objective
    from lexel.generators._region import Box
    from lexel.pictures.picture import Picture

PICTURES = 4  # unless somebody says how many
LARGEST = 256  # cells of a side; attention of 65,536 cells is slow, and of more hopeless


@dataclass(frozen=True)
class Asked:
    """The options that say how new pictures are drawn."""

    count: int
    size: tuple[int, int]
    seed: int
    temperature: float | None
    steps: int | None
    by: str | None


def sample(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A generator, or an autoencoder of latents: name or ./folder.")
    ] = "lexel/photo-prior",
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the pictures; of --inpaint a .png.")
    ] = Path("out"),
    number: Annotated[int | None, typer.Option("-n", "--number", min=1, help="Pictures: 4 unless said.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds draw alike.")] = 0,
    size: Annotated[
        str,
        typer.Option(metavar="HxW", help="Cells from top to bottom x from left to right; a cell is 8 pixels or so."),
    ] = "16x16",
    temperature: Annotated[
        float | None, typer.Option(min=0.01, help="Below 1: likelier pictures; above: more varied ones.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Passes over the picture: 12 of maskgit.")] = None,
    by: Annotated[
        Literal["maskgit", "absorbing", "autoregressive"] | None,
        typer.Option(help="How codes are drawn, unless as the model was trained."),
    ] = None,
    inpaint: Annotated[str | None, typer.Option(metavar="PICTURE", help="Draw a box of this picture anew.")] = None,
    box: Annotated[
        str, typer.Option(metavar="X0,Y0,X1,Y1", help="The box, from 0 to 1 of width and height.")
    ] = "0.3,0.3,0.7,0.7",
    between: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="Pictures on the way from one to the other.")
    ] = None,
    vocabulary: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where the autoencoder is, if not where the generator says.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Draw new pictures, from what a model learned of pictures.

    \b
    lexel sample -n 4 -o out/
    lexel sample lexel/photo-prior -n 16 --size 16x24 --seed 7 --temperature 0.9 -o out/
    lexel sample --inpaint photo.jpg --box 0.3,0.3,0.7,0.7 -o anew.png
    lexel sample lexel/photo-vae -n 4 -o out/
    lexel sample lexel/photo-vae --between a.jpg b.jpg -n 8 -o way/

    A generator draws codes, which the autoencoder that it was trained for makes pictures of. An autoencoder of latents
    draws them from a normal distribution, and shows what lies between two pictures. --inpaint changes the pixels of
    the box and no others.
    """
    from lexel.autoencoders._continuous import Continuous
    from lexel.disk import commit_bytes
    from lexel.drawing.terminal import escaped
    from lexel.generators._generator import Generator
    from lexel.loading.load import load

    asked = Asked(number or PICTURES, _size(size), seed, temperature, steps, by)
    if inpaint is not None and (number is not None or between is not None):
        raise BadArguments("--inpaint draws one picture", hint="without -n and --between")
    paths = [output] if inpaint is not None else [output / f"{i}.png" for i in range(asked.count)]
    _check(paths, overwrite=overwrite)
    found = load(model)
    if isinstance(found, Generator) and between is None:
        decoder = _decoder(found, vocabulary)
        if inpaint is not None:
            drawn = [_inpainted(found, decoder, _picture(inpaint), _box(box), asked)]
        else:
            drawn = _new(found, decoder, asked)
    elif isinstance(found, Continuous) and inpaint is None:
        drawn = _of_latents(found, asked) if between is None else _between(found, between, asked)
    else:
        doing = "paints no box anew" if inpaint else "has nothing between two pictures" if between else "draws nothing"
        raise BadArguments(doing, subject=model, hint="codes are drawn by a generator, latents are between pictures")
    for path, picture in zip(paths, drawn, strict=True):
        commit_bytes(path, png_bytes(picture))
    if as_json:
        print(json.dumps({"model": model, "seed": seed, "pictures": [str(path) for path in paths]}, indent=2))
    else:
        pictures = "1 picture" if len(paths) == 1 else f"{len(paths)} pictures"
        print(f"{pictures} in {escaped(str(output))}")


def _new(model: "Generator", decoder: "Autoencoder", asked: Asked) -> "list[Picture]":
    """Pictures that nobody has seen."""
    height, width = asked.size
    tokens = model.sample(asked.count, height=height, width=width, seed=asked.seed, by=_way(model, asked))
    return decoder.detokenize(tokens)


def _way(model: "Generator", asked: Asked) -> "Objective":
    """How codes are drawn. Raises `BadArguments` for steps of what has none."""
    from lexel.generators._generator import OBJECTIVES

    kind = OBJECTIVES[asked.by or model.image.config.objective]
    said = {"steps": asked.steps, "temperature": asked.temperature}
    if asked.steps is not None and kind is OBJECTIVES["autoregressive"]:
        raise BadArguments("row by row every cell is a step: --steps says nothing")
    return kind(**{name: value for name, value in said.items() if value is not None})


def _decoder(model: "Generator", name: str | None) -> "Autoencoder":
    """The autoencoder that makes pictures of what a generator draws. Raises `BadArguments` for another one."""
    from lexel.autoencoders._autoencoder import Autoencoder
    from lexel.loading.load import load

    wanted = model.vocabulary.space
    found = load(name or model.vocabulary.name)
    if not isinstance(found, Autoencoder) or found.space != wanted:
        said = f"draws {wanted} of the digest {wanted.digest[:8]}, and {name or wanted.name} is another model"
        raise BadArguments(said, subject=model.name, hint="--vocabulary NAME says where it is now")
    return found


def _inpainted(model: "Generator", decoder: "Autoencoder", picture: "Picture", box: "Box", asked: Asked) -> "Picture":
    """The picture with the box drawn anew."""
    from lexel.generators._region import painted

    tokens = model.inpaint(decoder.tokenize([picture]), box, seed=asked.seed, by=_way(model, asked))
    return painted(picture, decoder.detokenize(tokens)[0], box)


def _of_latents(model: "Continuous", asked: Asked) -> "list[Picture]":
    """New pictures of latents that are drawn at once."""
    from lexel.generators.latents import sampled

    if asked.steps is not None or asked.by is not None:
        raise BadArguments("latents are drawn at once: --steps and --by are of codes", subject=model.name)
    height, width = asked.size
    warm = 1.0 if asked.temperature is None else asked.temperature
    return model.detokenize(sampled(model, asked.count, height=height, width=width, seed=asked.seed, temperature=warm))


def _between(model: "Continuous", names: tuple[str, str], asked: Asked) -> "list[Picture]":
    """The way from one picture to another; both are cut to one size first, the middle of each."""
    from PIL import Image, ImageOps

    from lexel.generators.latents import interpolated
    from lexel.pictures.read import read

    height, width = (side * model.image.cell for side in asked.size)
    ends = [_picture(name) for name in names]
    fitted = [ImageOps.fit(Image.fromarray(end.pixels), (width, height), Image.Resampling.BICUBIC) for end in ends]
    a, b = read(fitted)
    return interpolated(model, a, b, asked.count)


def _picture(name: str) -> "Picture":
    found = next(iter(read_inputs([name], on_error="raise")), None)
    if found is None:
        raise NoMatch("no picture there", subject=name)
    return found


def _size(text: str) -> tuple[int, int]:
    """16x24 → (16, 24)."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 0 < int(side) <= LARGEST for side in sides):
        raise BadArguments(f"{text} is no size", hint=f"--size 16x24: cells of height and width, 1 to {LARGEST}")
    return int(sides[0]), int(sides[1])


def _box(text: str) -> "Box":
    """0.3,0.3,0.7,0.7 → four numbers."""
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
    except ValueError:
        raise BadArguments(f"{text} is no box", hint="--box 0.3,0.3,0.7,0.7: left, top, right, bottom") from None
    return x0, y0, x1, y1


def _check(paths: list[Path], *, overwrite: bool) -> None:
    """Raise `BadArguments` before anything is drawn that could not be written."""
    for path in paths:
        if path.suffix != ".png":
            raise BadArguments("pictures are written as PNG", subject=str(path), hint="-o NAME.png")
        if path.exists() and not overwrite:
            raise BadArguments("is there already", subject=str(path), hint="--overwrite replaces it")
