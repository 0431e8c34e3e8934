"""VAR's tokenizer as FoundationVision/VAR writes it: `vae_ch160v4096z32`.

keys    those of taming-transformers, q, k and v of attention in one; quantize.quant_resi.qresi_ls.0.…
scales  are in no file: the published ones of 256 pixels
"""

from dataclasses import replace

from lexel.autoencoders.var import SCALES, VARConfig
from lexel.errors import LoadError
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import Fields
from lexel.loading.layouts._stacks import TAMING, norm
from lexel.loading.table import Table, depth
from lexel.pictures.published import var

ENDS = Table.of("""
    image.quant                     quant_conv
    image.quantizer.book.codebook   quantize.embedding.weight
    image.quantizer.phis.*          quantize.quant_resi.qresi_ls.*
    image.post_quant                post_quant_conv
""")

NAMES = replace(
    TAMING,
    attention=norm("norm", "norm")
    + Table.of("""
        qkv     qkv         [O,D,1,1]
        out     proj_out    [O,D,1,1]
    """),
)
USED = "quantize.ema_vocab_hit_SV"  # how often each scale used each code in training


def _keys(parts: Parts) -> Table:
    config = parts.image
    assert isinstance(config, VARConfig)
    return ENDS + NAMES.table(len(config.stacks.widths))


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    codebook_size, dim = sides(shapes, "quantize.embedding.weight", 2, subject=fields.subject)
    stacks = NAMES.stacks(shapes, latent=dim, subject=fields.subject)
    scales = shapes.get(USED, (len(SCALES),))[0]
    if scales != len(SCALES):
        raise LoadError(f"has {scales} scales, the published ones are {SCALES}", subject=fields.subject)
    config = VARConfig(
        stacks=NAMES.checked(stacks, shapes, fields.subject),
        codebook_size=codebook_size,
        kernel=sides(shapes, "quant_conv.weight", 4, subject=fields.subject)[2],
        phis=depth(list(shapes), "quantize.quant_resi.qresi_ls"),
    )
    return Parts(config, None, var(config.edge))


LAYOUTS = [
    Layout(
        "VAR's tokenizer",
        file="",
        family=lambda fields: True,
        marks=("quantize.quant_resi.qresi_ls.0.weight",),
        keys=_keys,
        parts=_parts,
        image="lexel.autoencoders.var:VARNetwork",
        model="lexel.autoencoders.var:VAR",
        unused=(USED,),
    )
]
