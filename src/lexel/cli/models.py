"""models list, get, add: which models are here, one of the hub, and old weights made safe."""

import json
from pathlib import Path
from typing import Annotated

import typer

from lexel.cli.common import Json


def list_models(as_json: Json = False) -> None:
    """List the models on this machine that a name loads without the network.

    \b
    lexel models list
    lexel models list --json
    """
    from lexel.drawing.terminal import escaped
    from lexel.loading.hub import here
    from lexel.shipped import TOYS

    sizes = {name: sum(f.stat().st_size for f in folder.rglob("*")) for name, folder in here()}
    if as_json:
        found = [{"name": name, "size": size, "toy": name in TOYS} for name, size in sizes.items()]
        print(json.dumps(found, indent=2))
        return
    for name, size in sizes.items():
        said = f"  a toy: {TOYS[name]}" if name in TOYS else ""
        print(f"{escaped(name)}  {size / 1e6:,.1f} MB{said}")


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="org/name, org/name@revision or open_clip:NAME/TAG.")],
) -> None:
    """Fetch a model of the hub, or what has changed of it, so that it loads without the network.

    \b
    lexel models get openai/clip-vit-base-patch32
    lexel models get open_clip:ViT-B-32/laion2b_s34b_b79k

    Only settings, words and safetensors are fetched, never a pickle. The size is said before.
    """
    from lexel.loading.hub import fetch, repository

    fetch(*repository(name))
    print(name)


def add(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="An old file (.bin, .pt) or a folder with some.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="org/name to load it by.")],
) -> None:
    """Read the tensors of old weights, which are pickles, and keep them as safetensors under a name.

    \b
    lexel models add ViT-B-32.pt mine/vit-b-32
    lexel models add ./old-folder mine/old

    Nothing in the file is run; one that holds more than tensors is refused. Settings and words beside it come along.
    """
    from lexel.loading.convert import convert
    from lexel.loading.hub import added, repository

    folder = added(repository(name)[0])
    convert(source, folder)
    print(f"{name} in {folder}")
