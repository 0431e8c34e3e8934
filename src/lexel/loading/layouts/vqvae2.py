"""VQ-VAE-2 as rosinality/vq-vae-2-pytorch writes it.

keys        enc_b.blocks.0.weight, quantize_t.embed, …; no settings: sizes from shapes
codebooks   lie on their side, [d, K]; the averages of training beside them are left out
"""

from lexel.autoencoders.vqvae2 import VQVAE2Config
from lexel.loading.detect import Layout, Parts, Shapes, sides
from lexel.loading.files import Fields
from lexel.loading.table import Table
from lexel.pictures.published import convolutional

PARTS = {"fine": "enc_b", "coarse": "enc_t", "seen": "dec_t", "decoder": "dec"}

KEYS = Table.of("""
    image.to_coarse             quantize_conv_t
    image.coarse_codes.codebook quantize_t.embed    transposed
    image.to_fine               quantize_conv_b
    image.fine_codes.codebook   quantize_b.embed    transposed
    image.larger                upsample_t
""")
for ours, theirs in PARTS.items():
    KEYS += Table.of(f"""
        image.{ours}.*.conv1    {theirs}.blocks.*.conv.1
        image.{ours}.*.conv2    {theirs}.blocks.*.conv.3
        image.{ours}.*          {theirs}.blocks.*
    """)

EDGE = 256  # pixels of a side of the published pictures


def _parts(fields: Fields, shapes: Shapes) -> Parts:
    dim, codebook_size = sides(shapes, "quantize_t.embed", 2, subject=fields.subject)
    narrow, width, _, _ = sides(shapes, "enc_t.blocks.3.conv.1.weight", 4, subject=fields.subject)
    blocks = sum(name.startswith("enc_t.blocks.") and name.endswith(".conv.1.weight") for name in shapes)
    config = VQVAE2Config(width=width, narrow=narrow, blocks=blocks, codebook_size=codebook_size, dim=dim)
    return Parts(config, None, convolutional(EDGE, 8))


LAYOUTS = [
    Layout(
        "VQ-VAE-2 (rosinality)",
        file="",
        family=lambda fields: True,
        marks=("quantize_t.embed",),
        keys=KEYS,
        parts=_parts,
        image="lexel.autoencoders.vqvae2:VQVAE2Network",
        model="lexel.autoencoders.vqvae2:VQVAE2",
        unused=("quantize_t.cluster_size", "quantize_t.embed_avg", "quantize_b.cluster_size", "quantize_b.embed_avg"),
    )
]
