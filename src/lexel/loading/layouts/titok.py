"""TiTok as bytedance/1d-tokenizer writes it: its folders, and the tensors of its first files alone.

config.json    model.vq_model.{num_latent_tokens, …}, dataset.preprocessing.crop_size; nested, as its own configs
keys           latent_tokens, encoder.transformer.0.…, quantize.embedding; pixel_quantize and pixel_decoder in the
               first release alone. Without settings sizes and release are read from them, as they are in any case

The continuous ones (`quantize_mode` vae) and those that are guided by text (TA-TiTok) are not read.
"""

from dataclasses import replace
from math import isqrt

from lexel.autoencoders._maskgit import MaskGIT
from lexel.autoencoders.titok import TiTokConfig
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import JSON, Fields
from lexel.loading.layouts.openclip import BLOCK
from lexel.loading.table import Table, depth
from lexel.pictures.published import titok
from lexel.towers._config import Blocks

KEYS = Table.of("""
    image.queries                           latent_tokens
    image.encoder.patches                   encoder.patch_embed
    image.encoder.out                       encoder.conv_out                [O,D,1,1]
    image.quantizer.codebook                quantize.embedding.weight
    image.decoder.embed                     decoder.decoder_embed
    image.decoder.mask_token                decoder.mask_token              [1,1,D]
    image.decoder.paint.inside              decoder.ffn.0                   [O,D,1,1]
    image.decoder.paint.likely              decoder.ffn.2                   [O,D,1,1]
    image.decoder.paint.codebook            pixel_quantize.embedding.weight
    image.decoder.paint.out                 decoder.ffn.0                   [O,D,1,1]
    image.decoder.paint.conv                decoder.conv_out
    image.decoder.paint.decoder.middle.*              pixel_decoder.mid.*
    image.decoder.paint.decoder.levels.*.*.shortcut   pixel_decoder.up.*.block.*.nin_shortcut
    image.decoder.paint.decoder.levels.*.*            pixel_decoder.up.*.block.*
""")
for half in ("encoder", "decoder"):
    KEYS += BLOCK.under(f"image.{half}.transformer.blocks.*", f"{half}.transformer.*")
    KEYS += Table.of(f"""
        image.{half}.class_token        {half}.class_embedding
        image.{half}.positions          {half}.positional_embedding
        image.{half}.query_positions    {half}.latent_token_positional_embedding
        image.{half}.norm_in            {half}.ln_pre
        image.{half}.norm_out           {half}.ln_post
    """)

HEAD = 64  # channels of a head of attention, in all sizes
SIZES = {(512, 8): "small", (768, 12): "base", (1024, 24): "large"}  # width and depth


def _keys(parts: Parts) -> Table:
    config, rules = parts.image, KEYS
    assert isinstance(config, TiTokConfig)
    if config.maskgit:
        for step in range(len(config.maskgit.widths) - 1):
            rules += Table.of(
                f"image.decoder.paint.decoder.steps.{step}.conv pixel_decoder.up.{step + 1}.upsample_conv"
            )
    return rules + Table.of("image.decoder.paint.decoder pixel_decoder")


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    said = fields.table("model").table("vq_model")
    if (mode := said.text("quantize_mode", "vq")) != "vq":
        raise LoadError(f"quantize_mode is {mode[:40]!r}: its latents are no codes", subject=fields.subject)
    tokens, width = sides(shapes, "latent_tokens", 2, subject=fields.subject)
    back, dim = sides(shapes, "decoder.decoder_embed.weight", 2, subject=fields.subject)
    patch = sides(shapes, "encoder.patch_embed.weight", 4, subject=fields.subject)[2]
    codebook_size = sides(shapes, "quantize.embedding.weight", 2, subject=fields.subject)[0]
    grids = [_grid(shapes, half, fields.subject) for half in ("encoder", "decoder")]
    edge = grids[0] * patch
    first = "pixel_quantize.embedding.weight" in shapes
    found = {
        "num_latent_tokens": tokens,
        "token_size": dim,
        "codebook_size": codebook_size,
        "vit_enc_patch_size": patch,
        "vit_dec_patch_size": edge // grids[1],
    }
    for name, count in found.items():
        if said.count(name, count) != count:
            raise LoadError(f"{name} is {said.values[name]}, the tensors say {count}", subject=fields.subject)
    size = fields.table("dataset").table("preprocessing").count("crop_size", edge)
    if size != edge or edge % grids[1]:
        raise LoadError(f"crop_size is {size}, the tensors say {edge}", subject=fields.subject)
    if said.values and {said.flag("is_legacy", True), said.flag("finetune_decoder", True)} != {first}:
        raise LoadError("is_legacy and finetune_decoder are not what its tensors say", subject=fields.subject)
    config = TiTokConfig(
        encoder=_blocks(said, shapes, "encoder", width),
        decoder=_blocks(said, shapes, "decoder", back),
        edge=edge,
        patches=(patch, edge // grids[1]),
        tokens=tokens,
        codebook_size=codebook_size,
        dim=dim,
        cosine=said.flag("use_l2_norm", first),
        maskgit=_maskgit(shapes, fields.subject) if first else None,
    )
    if config.maskgit and config.maskgit.cell != config.patches[1]:
        raise LoadError(
            f"patches of {config.patches[1]} pixels become {config.maskgit.cell} in its decoder", subject=fields.subject
        )
    return Parts(config, None, titok(edge))


def _grid(shapes: Shapes, half: str, subject: str) -> int:
    """Patches of a side of the square that has these positions."""
    patches = sides(shapes, f"{half}.positional_embedding", 2, subject=subject)[0] - 1
    if not patches or isqrt(patches) ** 2 != patches:
        raise LoadError(f"{half}.positional_embedding has {patches} patches, no square", subject=subject)
    return isqrt(patches)


def _blocks(said: Fields, shapes: Shapes, half: str, width: int) -> Blocks:
    layers = depth(list(shapes), f"{half}.transformer")
    found = SIZES.get((width, layers), "")
    named = said.text(f"vit_{half[:3]}_model_size", found)
    if width % HEAD or named != found:
        raise LoadError(f"the {half} has {layers} layers of {width} and is said to be {named!r}", subject=said.subject)
    return Blocks(width, layers, width // HEAD, 4 * width, activation="gelu")


def _maskgit(shapes: Shapes, subject: str) -> MaskGIT:
    codebook_size, dim = sides(shapes, "pixel_quantize.embedding.weight", 2, subject=subject)
    levels = range(depth(list(shapes), "pixel_decoder.up"))
    first = (sides(shapes, f"pixel_decoder.up.{i}.block.0.conv1.weight", 4, subject=subject)[0] for i in levels)
    widths, blocks = tuple(first), depth(list(shapes), "pixel_decoder.mid")
    if not widths or any(width % 32 for width in widths):
        raise LoadError(f"widths {widths} of the pixel decoder, expected multiples of 32", subject=subject)
    return MaskGIT(widths=widths, blocks=blocks, codebook_size=codebook_size, dim=dim)


def _settings(parts: Parts) -> dict[str, JSON]:
    """None for sizes that have no published name."""
    config = parts.image
    assert isinstance(config, TiTokConfig)
    names = [SIZES.get((half.width, half.depth)) for half in (config.encoder, config.decoder)]
    if None in names:
        return {}
    first = config.maskgit is not None
    model: dict[str, JSON] = {
        "codebook_size": config.codebook_size,
        "token_size": config.dim,
        "use_l2_norm": config.cosine,
        "commitment_cost": 0.25,
        "vit_enc_model_size": names[0],
        "vit_dec_model_size": names[1],
        "vit_enc_patch_size": config.patches[0],
        "vit_dec_patch_size": config.patches[1],
        "num_latent_tokens": config.tokens,
        "finetune_decoder": first,
        "is_legacy": first,
        "quantize_mode": "vq",
    }
    return {"model": {"vq_model": model}, "dataset": {"preprocessing": {"crop_size": config.edge}}}


def _of_titok(fields: Fields) -> bool:
    return "num_latent_tokens" in fields.table("model").table("vq_model")


LAYOUT = Layout(
    "TiTok",
    file="config.json",
    family=_of_titok,
    marks=("encoder.latent_token_positional_embedding",),
    keys=_keys,
    parts=_parts,
    image="lexel.autoencoders.titok:TiTokNetwork",
    model="lexel.autoencoders.titok:TiTok",
    settings=_settings,
)
LAYOUTS = [LAYOUT, replace(LAYOUT, name="TiTok, its tensors alone", file="", family=lambda fields: True, settings=None)]
