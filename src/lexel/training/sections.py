"""The tables of a run's file: every setting with its type and range.

    task = "clip"      ┐
    [data] [image] …   ├─► Contrastive │ Masked │ Finetune │ Tokenizer
    [run] [card]       ┘

No setting has a default: a file says all of it, and nothing about a run is hidden. The templates that `lexel new`
writes say in words what each one does.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from lexel.needs import pydantic

if TYPE_CHECKING:
    from pydantic import ValidationInfo

Field = pydantic.Field

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Chance = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Chances = Annotated[tuple[Chance, Chance], Field(strict=False)]  # TOML has lists alone; the numbers stay strict
Positives = Annotated[tuple[Positive, Positive], Field(strict=False)]
Shares = Annotated[tuple[Share, Share], Field(strict=False)]


class Section(pydantic.BaseModel):
    """A table of the file: unknown settings are refused, nothing is converted, nothing changes later."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Section):
    """Where pictures and captions come from. `held_out`: a share of them below 1, else so many."""

    source: Annotated[str, Field(min_length=1)]
    held_out: Annotated[float, Field(ge=0)]
    licence: str
    description: str


class Blocks(Section):
    """A transformer."""

    width: Count
    depth: Count
    heads: Count

    @pydantic.field_validator("heads")
    @classmethod
    def _share_the_width(cls, heads: int, info: "ValidationInfo") -> int:
        width = info.data.get("width", heads)
        if width % heads:
            raise ValueError(f"divide width = {width}")
        return heads


class Image(Blocks):
    """The image tower. Pictures are `size` pixels high and wide."""

    size: Count
    patch_size: Count

    @pydantic.field_validator("patch_size")
    @classmethod
    def _share_the_size(cls, patch_size: int, info: "ValidationInfo") -> int:
        size = info.data.get("size", patch_size)
        if size % patch_size:
            raise ValueError(f"divide size = {size}")
        return patch_size


class Text(Blocks):
    """The text tower, and its vocabulary."""

    vocab_size: Annotated[int, Field(ge=514)]
    length: Annotated[int, Field(ge=4)]


class Decoder(Blocks):
    """What paints the patches that were hidden, a share `mask` of them."""

    mask: Annotated[float, Field(gt=0, lt=1)]
    norm_pix_loss: bool


class Model(Section):
    """What fine-tuning starts from, and what of it learns."""

    start: Annotated[str, Field(min_length=1)]
    train: Literal["all", "image", "text", "projection", "lora"]
    rank: Count
    mix: Chance


class Vocabulary(Section):
    """An autoencoder. A cell of `down` pixels a side becomes a code, or a vector of `channels` numbers."""

    kind: Literal["vqvae", "autoencoder", "vae", "diffusion"]
    quantizer: Annotated[str, Field(min_length=1)]
    channels: Count
    down: Literal[4, 8, 16, 32]
    width: Annotated[int, Field(ge=8)]
    blocks: Natural
    edge: Count


class Crops(Section):
    """What is learned from: squares of `side` pixels, `each` of every picture an epoch."""

    side: Annotated[int, Field(ge=16)]
    each: Count
    shrink: Annotated[float, Field(ge=1)]
    flip: Chance
    turn: Chance
    exchange: Chance
    light: Share


class Loss(Section):
    """How far from the picture is what comes back: weights, of which one at least is above 0."""

    l1: Weight
    l2: Weight
    frequency: Weight
    ssim: Weight
    ms_ssim: Weight
    perceptual: Weight
    trunk: str
    lin: str
    divergence: Weight


class Discriminator(Section):
    """Who tells what comes back from pictures; `weight` 0: nobody. `after`: the share of the run before that."""

    weight: Weight
    after: Share
    against: Literal["hinge", "logistic"]
    width: Annotated[int, Field(ge=8, multiple_of=8)]


class Augment(Section):
    """How a picture is changed each time that it is seen."""

    crop: Chances
    ratio: Positives
    flip: Chance
    rotate: Annotated[float, Field(ge=0, le=180)]
    color: Share
    hue: Annotated[float, Field(ge=0, le=0.5)]
    gray: Chance
    blur: Chance


class Optimizer(Section):
    """AdamW, and the rate over the run. `warmup`: the share of all steps on the way up."""

    learning_rate: Positive
    warmup: Share
    weight_decay: Annotated[float, Field(ge=0)]
    betas: Shares
    clip: Annotated[float, Field(ge=0)]
    average: Share


class Run(Section):
    """How long, how much at once, and what is kept."""

    epochs: Positive
    batch: Annotated[int, Field(ge=2)]
    chunk: Natural
    precision: Literal["float32", "bfloat16"]
    device: Annotated[str, Field(min_length=1)]
    seed: Natural
    measures: Natural
    patience: Natural
    save_every: Count
    keep: Natural


class Card(Section):
    """What the model card says that nobody can compute."""

    licence: str
    description: str


class Contrastive(Section):
    """A new dual encoder, with the loss of CLIP or of SigLIP."""

    task: Literal["clip", "siglip"]
    data: Data
    image: Image
    text: Text
    augment: Augment
    optimizer: Optimizer
    run: Run
    card: Card


class Masked(Section):
    """A new masked autoencoder; captions are not read."""

    task: Literal["mae"]
    data: Data
    image: Image
    decoder: Decoder
    augment: Augment
    optimizer: Optimizer
    run: Run
    card: Card


class Finetune(Section):
    """A dual encoder that is there already, and learns more."""

    task: Literal["finetune"]
    data: Data
    model: Model
    augment: Augment
    optimizer: Optimizer
    run: Run
    card: Card


class Tokenizer(Section):
    """A new vocabulary for pictures: codes, or vectors that are not quantized. Captions are not read."""

    task: Literal["tokenizer"]
    data: Data
    model: Vocabulary
    crops: Crops
    loss: Loss
    discriminator: Discriminator
    optimizer: Optimizer
    run: Run
    card: Card

    @pydantic.field_validator("crops")
    @classmethod
    def _of_whole_cells(cls, crops: Crops, info: "ValidationInfo") -> Crops:
        model = info.data.get("model")
        if model is not None and crops.side % model.down:
            raise ValueError(f"have a side that is a multiple of down = {model.down}")
        return crops

    @pydantic.field_validator("loss")
    @classmethod
    def _of_velocities(cls, loss: Loss, info: "ValidationInfo") -> Loss:
        model = info.data.get("model")
        pixels = (loss.frequency, loss.ssim, loss.ms_ssim, loss.perceptual)
        if model is not None and model.kind == "diffusion" and any(pixels):
            raise ValueError("have l1 and l2 alone where kind is diffusion: what it learns are no pixels")
        return loss

    @pydantic.field_validator("discriminator")
    @classmethod
    def _of_pixels(cls, discriminator: Discriminator, info: "ValidationInfo") -> Discriminator:
        model = info.data.get("model")
        if model is not None and model.kind == "diffusion" and discriminator.weight:
            raise ValueError("have weight = 0 where kind is diffusion: what it learns are no pixels")
        return discriminator


Config = Contrastive | Masked | Finetune | Tokenizer
