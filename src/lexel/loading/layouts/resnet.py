"""ResNet as Hugging Face writes it, and as torchvision does.

config.json    model_type resnet
keys           embedder.…, encoder.stages.…, under resnet.… in models with a head
torchvision    conv1, layer1…4, fc; no settings: everything is in the shapes
"""

from dataclasses import replace

from PIL import Image

from lexel.errors import LoadError, MissingKeys
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import counts
from lexel.loading.table import Table, depth
from lexel.pictures.published import imagenet
from lexel.towers.resnet import ResNetConfig

KEYS = Table.of("""
    image.stem.convolution                  embedder.embedder.convolution
    image.stem.norm                         embedder.embedder.normalization
    image.layers.*.*.steps.*.convolution    encoder.stages.*.layers.*.layer.*.convolution
    image.layers.*.*.steps.*.norm           encoder.stages.*.layers.*.layer.*.normalization
    image.layers.*.*.shortcut.convolution   encoder.stages.*.layers.*.shortcut.convolution
    image.layers.*.*.shortcut.norm          encoder.stages.*.layers.*.shortcut.normalization
""")

NATIVE_BLOCK = Table.of("""
    steps.0.convolution     conv1
    steps.0.norm            bn1
    steps.1.convolution     conv2
    steps.1.norm            bn2
    steps.2.convolution     conv3
    steps.2.norm            bn3
    shortcut.convolution    downsample.0
    shortcut.norm           downsample.1
""")

NATIVE = Table.of("""
    image.stem.convolution  conv1
    image.stem.norm         bn1
""")
for stage in range(4):
    NATIVE += NATIVE_BLOCK.under(f"image.layers.{stage}.*", f"layer{stage + 1}.*")

SIDE = 224  # no config says for what size a tower was trained


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    widths, depths = counts(fields, "hidden_sizes", (256, 512, 1024, 2048)), counts(fields, "depths", (3, 4, 6, 3))
    kind, act = fields.text("layer_type", "bottleneck"), fields.text("hidden_act", "relu")
    if kind not in ("bottleneck", "basic"):
        raise LoadError(f"layer_type is {kind[:40]!r}, expected bottleneck or basic", subject=fields.subject)
    if act != "relu":
        raise LoadError(f"hidden_act is {act[:40]!r}, expected relu", subject=fields.subject)
    if len(widths) != len(depths):
        raise LoadError(f"{len(widths)} hidden_sizes and {len(depths)} depths are said", subject=fields.subject)
    for stage, said in enumerate(depths):
        layers = f"encoder.stages.{stage}.layers"
        if (found := depth(list(shapes), layers)) != said:
            raise MissingKeys(f"{said:,} layers are said, {found} are there: {layers}", subject=fields.subject)
    config = ResNetConfig(
        stem=fields.count("embedding_size", 64),
        widths=widths,
        depths=depths,
        bottleneck=kind == "bottleneck",
        first_stage=fields.flag("downsample_in_first_stage", False),
        first_of_three=fields.flag("downsample_in_bottleneck", False),
    )
    return Parts(config, None, imagenet(SIDE))


def _native_parts(fields: Fields, shapes: Shapes) -> Parts:
    """Prepared as the first weights of each tower were; of the second recipe no tensor tells."""
    stages = [f"layer{stage}" for stage in (1, 2, 3, 4)]
    bottleneck = "layer1.0.conv3.weight" in shapes
    last = "conv3" if bottleneck else "conv2"
    config = ResNetConfig(
        stem=sides(shapes, "conv1.weight", 4, subject=fields.subject)[0],
        widths=tuple(sides(shapes, f"{stage}.0.{last}.weight", 4, subject=fields.subject)[0] for stage in stages),
        depths=tuple(depth(list(shapes), stage) for stage in stages),
        bottleneck=bottleneck,
    )
    return Parts(config, None, replace(imagenet(SIDE), rounding="even", kernel=Image.Resampling.BILINEAR))


def _settings(parts: Parts) -> dict[str, JSON]:
    config = parts.image
    assert isinstance(config, ResNetConfig)
    return {
        "architectures": ["ResNetModel"],
        "model_type": "resnet",
        "embedding_size": config.stem,
        "hidden_sizes": [*config.widths],
        "depths": [*config.depths],
        "layer_type": "bottleneck" if config.bottleneck else "basic",
        "downsample_in_first_stage": config.first_stage,
        "downsample_in_bottleneck": config.first_of_three,
    }


LAYOUTS = [
    Layout(
        "ResNet (Hugging Face)",
        file="config.json",
        family=lambda fields: fields.text("model_type") == "resnet",
        marks=("embedder.embedder.convolution.weight",),
        keys=KEYS,
        parts=_parts,
        image="lexel.towers.resnet:ResNet",
        model="lexel.towers._hierarchy:Hierarchy",
        prefixes=("", "resnet."),
        unused=("classifier.",),
        settings=_settings,
    ),
    Layout(
        "ResNet (torchvision)",
        file="",
        family=lambda fields: True,
        marks=("layer4.0.conv1.weight",),
        keys=NATIVE,
        parts=_native_parts,
        image="lexel.towers.resnet:ResNet",
        model="lexel.towers._hierarchy:Hierarchy",
        unused=("fc.",),
    ),
]
