"""`lexel.load` and `lexel.save`: a name → a model with every weight from its files, and back.

    name ─► checkpoint ─► layout, configs ─► towers without memory ─► every tensor once ─► model
            hub.py        detect.py, layouts/  torch's "meta"         fill.py

Nothing is ever initialised at random, nothing of a checkpoint runs, and nothing but a name of the hub touches the
network.
"""

import importlib
import json
import shutil
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._discrete import Discrete
from lexel.disk import commit, commit_bytes
from lexel.errors import BadArguments, LoadError
from lexel.generators._generator import Generator
from lexel.loading import hub, processor
from lexel.loading.detect import Layout, Parts, detect, layouts
from lexel.loading.files import JSON, Checkpoint, Tensors
from lexel.loading.fill import fill, places
from lexel.loading.spellers import LateSpeller
from lexel.loading.table import Table
from lexel.measures.coding import Tables
from lexel.needs import torch
from lexel.pictures.prepare import Preparation
from lexel.towers._backbone import Backbone
from lexel.towers._dual import Dual

Model: TypeAlias = Backbone | Autoencoder | Generator

TABLES = "codes.safetensors"  # of the entropy coder, beside the weights of a model of codes
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(
    name: str | Path,
    *,
    device: str = "auto",
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto",
    part: Literal["image", "text"] | None = None,
) -> Model:
    """A model with its published weights, in `eval()` and without gradients.

    name     `org/name` or `org/name@revision` of the hub, `./folder` or a safetensors file in it, `open_clip:NAME/TAG`,
             `lexel/name` of what comes with lexel
    device   "auto": an accelerator where there is one, else the CPU; or a name of torch's
    dtype    "auto": float32 on the CPU, elsewhere as most of it is stored. Scale and bias of logits stay float32
    part     "image" or "text": that tower alone

    A model of pictures and words is a `Dual`, one of several stages a `Hierarchy`; both are backbones. What gives
    pictures back is an `Autoencoder`, what draws new codes for one a `Generator`.

    Raises `UnknownName` and `Offline`, `LoadError` for a broken file, and of its kinds `UnknownLayout` for another
    family, `MissingKeys` for tensors missing and left over, `WrongShape`, `UnsafeFile` for pickles.

        clip = lexel.load("openai/clip-vit-base-patch16")
    """
    if part not in ("image", "text", None):
        raise BadArguments(f'part is "image", "text" or None, not {part!r}')
    if dtype not in ("auto", *DTYPES):
        raise BadArguments(f"dtype is auto, {', '.join(DTYPES)}, not {dtype!r}")
    where = device_of(device)
    checkpoint = hub.checkpoint(name)
    layout, settings, tensors = detect(checkpoint, Tensors.of(checkpoint.weights()))
    parts = layout.parts(settings, tensors.shapes)
    whole = _built(layout, parts, checkpoint, tensors)
    found = places(whole, layout.table(parts), tensors, subject=checkpoint.name, unused=layout.unused)
    half = Parts(parts.image if part != "text" else None, parts.text if part != "image" else None, parts.preparation)
    if half.image is None and half.text is None:
        raise LoadError(f"has no {part} tower", subject=checkpoint.name)
    model = whole if half == parts else _built(layout, half, checkpoint, tensors)
    stored = dtype if dtype != "auto" else "float32" if where.type == "cpu" else tensors.dtype
    fill(model, found, tensors, device=where, dtype=DTYPES[stored])
    if isinstance(model, Discrete) and (checkpoint.folder / TABLES).is_file():
        model.tables = Tables.load(checkpoint.folder / TABLES)
    return model.eval().requires_grad_(False)


def save(model: Model, folder: str | Path) -> None:
    """Write a model to `folder` as its family publishes it: config.json, model.safetensors, and how to prepare.

    The words go with it where it was loaded from a folder that has them. What is there under these names is replaced.
    Raises `LoadError` for a model whose family has no such layout, `OutputError` when the disk is full.
    """
    folder = Path(folder)
    layout, keys, settings = _layout_of(model)
    state: dict[str, torch.Tensor] = {}
    for ours, value in model.state_dict().items():
        state |= keys.stored(ours, value.detach())
    from safetensors.torch import save_file

    with commit(folder / layout.weights) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    files = {layout.file: settings}
    preparation = _preparation(model)
    if preparation and layout.file == processor.OPENCLIP:
        settings["preprocess_cfg"] = processor.written_openclip(preparation)
    elif preparation and model.image is not None and (said := processor.written(preparation)):
        files[processor.FILE] = said
    for name, values in files.items():
        commit_bytes(folder / name, (json.dumps(values, indent=2, sort_keys=True) + "\n").encode())
    if isinstance(model, Discrete) and model.tables is not None:
        model.tables.save(folder / TABLES)
    if isinstance(model, Dual) and isinstance(model.speller, LateSpeller):
        _copy_words(model.speller.checkpoint, folder)


def _built(layout: Layout, parts: Parts, checkpoint: Checkpoint, tensors: Tensors) -> Model:
    """The model without memory."""
    about: dict[str, Any] = {"name": checkpoint.name, "digest": tensors.digest}
    if preparation := parts.preparation:
        about["preparation"] = processor.preparation(checkpoint, family=preparation) if layout.prepares else preparation
    with torch.device("meta"):
        image = _class(layout.image)(parts.image) if parts.image else None
        if not layout.text:
            model: Model = _class(layout.model)(image, **about)
            return model
        dual = Dual(
            image,
            _class(layout.text)(parts.text) if parts.text else None,
            speller=layout.speller(checkpoint, parts.text.length) if parts.text and layout.speller else None,
            biased=layout.biased,
            **about,
        )
    if parts.image is None or parts.text is None:  # nothing to compare with: halves are published without them
        for name in ("logit_scale", "logit_bias"):
            setattr(dual, name, None)
    return dual


def _class(named: str) -> type:
    module, _, name = named.partition(":")
    found: type = getattr(importlib.import_module(module), name)
    return found


def _preparation(model: Model) -> Preparation | None:
    """How pictures are prepared for it; None for what is shown none."""
    return None if isinstance(model, Generator) else model.preparation


def _layout_of(model: Model) -> tuple[Layout, Table, dict[str, JSON]]:
    """The layout that a model is written in, its keys and its settings."""
    text = model.text if isinstance(model, Dual) else None
    towers = {f"{type(tower).__module__}:{type(tower).__name__}" for tower in (model.image, text) if tower}
    parts = Parts(getattr(model.image, "config", None), getattr(text, "config", None), _preparation(model))
    for layout in layouts():
        if layout.settings and towers <= {layout.image, layout.text} and (said := layout.settings(parts)):
            return layout, layout.table(parts), said
    raise LoadError(f"no published layout holds {' and '.join(sorted(towers))}", subject=model.name)


def _copy_words(checkpoint: Checkpoint, folder: Path) -> None:
    for name in hub.WORDS:
        source = checkpoint.folder / name
        if source.is_file() and source.resolve() != (folder / name).resolve():
            with commit(folder / name) as temporary:
                shutil.copyfile(source, temporary)


def device_of(name: str) -> torch.device:
    """What `device` of `load` means. Raises `BadArguments` for a name that torch does not know."""
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise BadArguments(f"torch knows no device {name!r}") from error
