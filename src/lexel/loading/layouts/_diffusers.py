"""The config.json of diffusers' autoencoders that are made of the two stacks.

_class_name             AutoencoderKL, VQModel
block_out_channels      widths of the levels, the finest first
down_block_types        a name a level: with attention or without
up_block_types          the same of the decoder, the coarsest first
"""

from lexel.autoencoders._stacks import Stacks
from lexel.errors import LoadError
from lexel.loading.detect import Shapes
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts._huggingface import counts
from lexel.loading.layouts._stacks import Names

WEIGHTS = "diffusion_pytorch_model.safetensors"

DOWN = {"DownEncoderBlock2D": False, "AttnDownEncoderBlock2D": True}
UP = {"UpDecoderBlock2D": False, "AttnUpDecoderBlock2D": True}


def stacks(fields: Fields, shapes: Shapes, names: Names, *, latent: int) -> Stacks:
    """The two stacks. Raises `LoadError` for what they are not."""
    widths = counts(fields, "block_out_channels", (64,))
    down = _attention(fields, "down_block_types", DOWN)
    if down != _attention(fields, "up_block_types", UP)[::-1] or len(down) != len(widths):
        raise LoadError("block_out_channels, down_block_types and up_block_types do not fit", subject=fields.subject)
    if (act := fields.text("act_fn", "silu")) not in ("silu", "swish"):
        raise LoadError(f"act_fn is {act[:40]!r}, expected silu", subject=fields.subject)
    for name in ("in_channels", "out_channels"):
        if (channels := fields.count(name, 3)) != 3:
            raise LoadError(f"{name} is {channels}, expected 3: pictures", subject=fields.subject)
    said = Stacks(
        widths=widths,
        blocks=fields.count("layers_per_block", 1),
        attention=down,
        middle=fields.flag("mid_block_add_attention", True),
        latent=latent,
        groups=fields.count("norm_num_groups", 32),
    )
    return names.checked(said, shapes, fields.subject)


def written(stacks: Stacks) -> dict[str, JSON]:
    """The fields of the two stacks."""
    return {
        "block_out_channels": [*stacks.widths],
        "down_block_types": [_named(DOWN, attention) for attention in stacks.attention],
        "up_block_types": [_named(UP, attention) for attention in stacks.attention[::-1]],
        "layers_per_block": stacks.blocks,
        "latent_channels": stacks.latent,
        "norm_num_groups": stacks.groups,
        "mid_block_add_attention": stacks.middle,
    }


def _attention(fields: Fields, name: str, kinds: dict[str, bool]) -> tuple[bool, ...]:
    """Which levels have attention."""
    values = fields.values.get(name, [_named(kinds, False)])
    if not isinstance(values, list) or not all(isinstance(value, str) and value in kinds for value in values):
        raise LoadError(
            f"{name} is {values!r}"[:80] + f", expected a list of {', '.join(kinds)}", subject=fields.subject
        )
    return tuple(kinds[str(value)] for value in values)


def _named(kinds: dict[str, bool], attention: bool) -> str:
    return next(name for name, has in kinds.items() if has == attention)
