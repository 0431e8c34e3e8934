"""How the stacks of `autoencoders/_stacks.py` are called, family by family, and what shapes say of them.

    ours                            diffusers                          taming                   LlamaGen
    encoder.levels.1.blocks.0       encoder.down_blocks.1.resnets.0    encoder.down.1.block.0   ….conv_blocks.1.res.0
    decoder.levels.0, the finest    decoder.up_blocks.3, the last      decoder.up.0             ….conv_blocks.4

`first` says which level of a decoder bears the number 0: the finest, or the coarsest, which runs first.
"""

from dataclasses import dataclass, replace
from typing import Literal

from lexel.autoencoders._stacks import Stacks
from lexel.errors import LoadError, MissingKeys
from lexel.loading.detect import Shapes, sides
from lexel.loading.table import Table, depth


@dataclass(frozen=True, kw_only=True)
class Names:
    """The published names. A level's name has its number after it, a block's too."""

    encoder: str
    decoder: str
    first: Literal["finest", "coarsest"]
    blocks: str
    attentions: str
    down: str
    up: str
    middle: tuple[str, str, str]
    norm_out: str
    block: Table
    attention: Table
    norms: tuple[str, str] | None = None  # of attention, in levels and in the middle, where they stand beside it

    def table(self, levels: int) -> Table:
        """The two stacks, of so many levels."""
        rules = Table(())
        for level in range(levels):
            down = f"{self.encoder}.{level}"
            up = f"{self.decoder}.{level if self.first == 'finest' else levels - 1 - level}"
            for ours, theirs in ((f"image.encoder.levels.{level}", down), (f"image.decoder.levels.{level}", up)):
                rules += self.block.under(f"{ours}.blocks.*", f"{theirs}.{self.blocks}.*")
                if self.norms:
                    rules += norm(f"{ours}.attention.*.norm", f"{theirs}.{self.norms[0]}.*")
                rules += self.attention.under(f"{ours}.attention.*", f"{theirs}.{self.attentions}.*")
            rules += Table.of(f"image.encoder.steps.{level} {down}.{self.down}")
            rules += Table.of(f"image.decoder.steps.{level - 1} {up}.{self.up}") if level else Table(())
        for half in ("encoder", "decoder"):
            before, attention, after = self.middle
            rules += self.block.under(f"image.{half}.middle.before", f"{half}.{before}")
            if self.norms:
                rules += norm(f"image.{half}.middle.attention.norm", f"{half}.{self.norms[1]}")
            rules += self.attention.under(f"image.{half}.middle.attention", f"{half}.{attention}")
            rules += self.block.under(f"image.{half}.middle.after", f"{half}.{after}")
            rules += norm("norm_out", self.norm_out).under(f"image.{half}", half)
            rules += Table.of(f"image.{half} {half}")
        return rules

    def stacks(self, shapes: Shapes, *, latent: int, subject: str) -> Stacks:
        """What shapes alone say; groups are 32, as everywhere. Raises `MissingKeys` and `WrongShape`."""
        levels = [f"{self.encoder}.{level}" for level in range(depth(list(shapes), self.encoder))]
        first = (sides(shapes, f"{level}.{self.blocks}.0.conv1.weight", 4, subject=subject) for level in levels)
        return Stacks(
            widths=tuple(width for width, *_ in first),
            blocks=depth(list(shapes), f"{self.encoder}.0.{self.blocks}"),
            attention=tuple(any(f"{level}.{self.attentions}.0." in name for name in shapes) for level in levels),
            middle=any(f"encoder.{self.middle[1]}." in name for name in shapes),
            latent=latent,
        )

    def checked(self, stacks: Stacks, shapes: Shapes, subject: str) -> Stacks:
        """`stacks`, where there are as many levels and blocks in the files. Asked before anything is built.

        Raises `MissingKeys` where there are not, `LoadError` for widths that no number of groups divides.
        """
        for where, said in ((self.encoder, len(stacks.widths)), (f"{self.encoder}.0.{self.blocks}", stacks.blocks)):
            if (found := depth(list(shapes), where)) != said:
                raise MissingKeys(f"{said:,} {where}.* are said, {found} are there", subject=subject)
        if any(width % stacks.groups for width in stacks.widths):
            raise LoadError(f"widths {stacks.widths} are no multiples of {stacks.groups} groups", subject=subject)
        return stacks


def norm(ours: str, theirs: str) -> Table:
    """A group norm, or one that the codes scale and shift."""
    return Table.of(f"""
        {ours}.norm     {theirs}.norm_layer
        {ours}.scale    {theirs}.conv_y
        {ours}.shift    {theirs}.conv_b
        {ours}          {theirs}
    """)


def block(shortcut: str) -> Table:
    """A residual block, whose families differ in one name."""
    return (
        norm("norm1", "norm1") + norm("norm2", "norm2") + Table.of(f"shortcut {shortcut}\n conv1 conv1\n conv2 conv2")
    )


LINEAR = Table.of("""
    norm.norm   spatial_norm.norm_layer
    norm.scale  spatial_norm.conv_y
    norm.shift  spatial_norm.conv_b
    norm        group_norm
    qkv         {to_q,to_k,to_v}
    out         to_out.0
""")
LINEAR_OF_OLD = Table.of("""
    norm    group_norm
    qkv     {query,key,value}
    out     proj_attn
""")
CONVOLUTIONS = norm("norm", "norm") + Table.of("""
    qkv     {q,k,v}     [O,D,1,1]
    out     proj_out    [O,D,1,1]
""")

DIFFUSERS = Names(
    encoder="encoder.down_blocks",
    decoder="decoder.up_blocks",
    first="coarsest",
    blocks="resnets",
    attentions="attentions",
    down="downsamplers.0",
    up="upsamplers.0",
    middle=("mid_block.resnets.0", "mid_block.attentions.0", "mid_block.resnets.1"),
    norm_out="conv_norm_out",
    block=block("conv_shortcut"),
    attention=LINEAR,
)
OLD_DIFFUSERS = replace(DIFFUSERS, attention=LINEAR_OF_OLD)
TAMING = Names(
    encoder="encoder.down",
    decoder="decoder.up",
    first="finest",
    blocks="block",
    attentions="attn",
    down="downsample",
    up="upsample",
    middle=("mid.block_1", "mid.attn_1", "mid.block_2"),
    norm_out="norm_out",
    block=block("nin_shortcut"),
    attention=CONVOLUTIONS,
)
JANUS = replace(TAMING, first="coarsest")
EMU3 = replace(
    TAMING,
    encoder="encoder.down_block.down",
    decoder="decoder.up_block.up",
    middle=("middle_block.block_1", "middle_block.attn_1", "middle_block.block_2"),
    attention=Table.of("qkv {q_proj,k_proj,v_proj}\nout out_proj"),
    norms=("attn_norms", "middle_block.attn_norm"),
)
LLAMAGEN = replace(
    JANUS,
    encoder="encoder.conv_blocks",
    decoder="decoder.conv_blocks",
    blocks="res",
    middle=("mid.0", "mid.1", "mid.2"),
)
