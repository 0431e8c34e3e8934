"""Masked autoencoders: a ViT that sees a quarter of the patches, and a small decoder that paints the others.

    ▦ ▦ ▦ ▦       ▦ · · ·                                          ▦ ▒ ▒ ▒
    ▦ ▦ ▦ ▦   →   · · ▦ ·  ─► encoder: class, visible patches ─►   ▒ ▒ ▦ ▒      decoder: the same tokens and
    ▦ ▦ ▦ ▦       · ▦ · ·     the tokens of tokenize               ▒ ▦ ▒ ▒      a learned one for each hidden patch

Without a mask the encoder is a ViT, and its tokens are features of all patches. Positions are added before patches are
taken away; they are published as tables, sines and cosines, and loaded as such.

Paper      He et al. 2021, arXiv 2111.06377
Kind       image tower; learned; its tokens can be painted again
Needs      weights
Cost       B/16 at 224: 17.5 billion multiply-adds a picture, 4.4 with a mask of 75 %; the decoder 5.4
Checked by test_the_encoder_equals_transformers, test_the_decoder_equals_transformers_with_the_same_mask,
           test_mae_has_the_published_number_of_parameters
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lexel.errors import BadArguments, LoadError, TokensError
from lexel.needs import torch
from lexel.nn.inside import kept
from lexel.nn.layers import Linear
from lexel.nn.loaded import changed
from lexel.nn.patches import Pixels, packed, patch_rows
from lexel.nn.prepared import PICTURES, Prepared
from lexel.nn.transformer import Traced
from lexel.partitions._cells import joined, picture_of
from lexel.pictures.picture import Picture
from lexel.ragged.torch_ops import host
from lexel.shapes import Array, Bool, Float, Int
from lexel.tokens.meaning import Kind
from lexel.tokens.value import Tokens
from lexel.towers._backbone import Backbone
from lexel.towers._config import Blocks
from lexel.towers._painting import framed, rows_of
from lexel.towers._tokens import seen_by, tokens_of
from lexel.towers.vit import ViTConfig, ViTImage


@dataclass(frozen=True)
class MAEConfig(ViTConfig):
    """A masked autoencoder: a ViT, and what paints.

    decoder         its blocks; None where the encoder was saved alone
    norm_pix_loss   whether it was trained to paint each patch without the patch's own brightness and contrast
    """

    decoder: Blocks | None = None
    norm_pix_loss: bool = False


class MAEImage(ViTImage):
    """Both halves. Without weights until a state is loaded into them."""

    config: MAEConfig

    def __init__(self, config: MAEConfig) -> None:
        super().__init__(config)
        self.decoder = Decoder(config, config.decoder) if config.decoder else None

    def see(self, batch: Pixels, visible: Sequence[Bool[Array, "..."]], keep: Collection[str] = ()) -> Traced:
        """`trace` of the visible patches alone: the class token, then they in raster order.

        visible   for each picture, which patches of its raster the encoder is shown
        """
        begun = self.begin(batch)
        seen, plan = kept(begun, torch.from_numpy(_with_class(visible)).to(begun.x.device))
        traced: Traced = self.transformer(seen, keep)
        return replace(traced, start=begun, plans=(plan, *traced.plans)).then(self.norm_out)

    def paint(self, batch: Pixels, visible: Sequence[Bool[Array, "..."]]) -> Float[torch.Tensor, "N K"]:
        """What the decoder says of every patch when the encoder sees the visible ones. See `Decoder`.

        Gradients flow: with `masked_loss` and `pixel_rows` this is how the model is trained.
        """
        assert self.decoder is not None
        traced = self.see(batch, visible)
        rows = torch.from_numpy(np.flatnonzero(_with_class(visible))).to(traced.packed.x.device)
        return self.decoder(traced.packed.x, rows, [(h, w) for h, w in traced.start.grid.tolist()])


class Decoder(torch.nn.Module):
    """Visible tokens → the pixels of every patch, prepared as the encoder's, in the order row, column, channel."""

    def __init__(self, config: ViTConfig, blocks: Blocks) -> None:
        super().__init__()
        self.resampling = config.resampling
        self.embed = Linear(config.blocks.width, blocks.width)
        self.mask_token = torch.nn.Parameter(torch.zeros(blocks.width))
        self.positions = torch.nn.Parameter(torch.zeros(1 + config.grid**2, blocks.width))
        self.transformer = blocks.transformer(causal=False)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.pixels = Linear(blocks.width, 3 * config.patch_size**2)

    def forward(
        self, x: Float[torch.Tensor, "M D"], rows: Int[torch.Tensor, "M"], grids: Sequence[tuple[int, int]]
    ) -> Float[torch.Tensor, "N K"]:
        """`[N, P·P·3]` for the N patches of all rasters.

        rows   where the tokens `x` stand when each picture has its class token and then all its patches

        Positions of another raster are resampled in two dimensions, as the encoder's. (`transformers` stretches the
        decoder's along the sequence, where the end of one row runs into the next.)
        """
        cells = self.resampling.each(self.positions[1:], grids).split([h * w for h, w in grids])
        placed = torch.cat([self.positions[:0], *(part for some in cells for part in (self.positions[:1], some))])
        filled = self.mask_token.expand(len(placed), -1).index_copy(0, rows, self.embed(x))
        tokens = packed(filled + placed, grids, first=[Kind.CLASS])
        y: torch.Tensor = self.norm_out(self.transformer(tokens).packed.x)
        painted: torch.Tensor = self.pixels(y[tokens.kind == Kind.REGION])
        return painted


class MAE(Backbone):
    """A masked autoencoder, as users call it."""

    def tokenize(
        self,
        pictures: Iterable[Picture],
        *,
        mask_ratio: float = 0.0,
        seed: int = 0,
        tiles: tuple[int, int] | None = None,
        keep: Collection[str] = (),
    ) -> Tokens:
        """The tokens of every picture: class token, then the patches that are not masked, in raster order.

        mask_ratio     share of the patches that the encoder is not shown, from 0.0 to below 1.0; trained with 0.75
        seed           another seed, another draw. It depends on the seed, on the picture and on nothing else
        tiles, keep    see `Backbone`; each tile has a draw of its own

            mae.tokenize(pictures)                       # <197 tokens of 1 picture: vectors of …, 768 wide, float32>
            mae.tokenize(pictures, mask_ratio=0.75)      # <50 tokens of 1 picture: …>

        Raises `BadArguments` for another ratio, and what `Backbone` raises.
        """
        if not 0 <= mask_ratio < 1:
            raise BadArguments(f"mask_ratio is from 0.0 to below 1.0, not {mask_ratio!r}")
        if not mask_ratio:
            return super().tokenize(pictures, tiles=tiles, keep=keep)
        image = self._kept(keep)
        assert isinstance(image, MAEImage)

        def tokens(batch: Prepared) -> Tokens:
            crops = [f"{seed} {one.digest} {crop}" for one in batch.pictures for crop in range(batch.crops or 1)]
            counts = [(x.shape[1] // image.cell) * (x.shape[2] // image.cell) for x in batch.pixels]
            visible = [shown(crop, count, mask_ratio) for crop, count in zip(crops, counts, strict=True)]
            traced = image.see(batch.pixels, visible, keep)
            views = seen_by(image.cell, batch.pixels, batch.views, traced)
            made = tokens_of(traced, traced.packed.x, batch.pictures, views, self.space, crops=batch.crops)
            # The raster stays known, though its cells are not all there: the decoder has to find their places.
            return made.with_(pictures=replace(made.pictures, grids=host(traced.start.grid)))

        return self._tokens(pictures, tokens, tiles)

    def detokenize(self, tokens: Tokens) -> list[Picture]:
        """The pictures as the decoder paints them from their tokens.

        All of it is painted: what was hidden, as it was trained to, and what was visible, less well, because its loss
        never looked there. Pictures come back at the scale at which they were prepared, and never larger than they
        were; what preparation cut off is filled with the mean colour of training.

        Raises `LoadError` for a model without a decoder, or with one that paints patches without their brightness;
        `TokensError` for tokens of another space, and for merged ones, which have no place on the raster.
        """
        decoder = self._decoder()
        if tokens.space != self.space:
            raise TokensError(f"{self!r} gives back {self.space}, these are {tokens.space}")
        pictures: list[Picture] = []
        with torch.inference_mode():
            for start in range(0, len(tokens), PICTURES):
                pictures += self._painted(decoder, tokens[start : start + PICTURES])
        return pictures

    def with_patch_size(self, patch_size: int) -> "MAE":
        """As `Backbone` has it. The decoder paints patches of its own size, so that the new model has none."""
        other = super().with_patch_size(patch_size)
        assert isinstance(other.image, MAEImage)
        other.image = changed(other.image, decoder=None, config=replace(other.image.config, decoder=None))
        return other

    def _decoder(self) -> Decoder:
        image = self._image()
        assert isinstance(image, MAEImage)
        if image.decoder is None:
            raise LoadError("has no decoder: its encoder was saved alone", subject=self.name)
        if image.config.norm_pix_loss:
            raise LoadError(
                "was trained with norm_pix_loss: its decoder knows no patch's brightness", subject=self.name
            )
        return image.decoder

    def _painted(self, decoder: Decoder, tokens: Tokens) -> list[Picture]:
        table = tokens.pictures
        grids = [(h, w) for h, w in table.grids.tolist()]
        counts = [h * w for h, w in grids]
        starts = np.cumsum([0] + [1 + count for count in counts])
        rows = np.concatenate([np.zeros(0, np.int64), *(starts[b] + rows_of(tokens, b) for b in range(len(tokens)))])
        model = decoder.mask_token
        painted = decoder(torch.tensor(tokens.data).to(model), torch.from_numpy(rows).to(model.device), grids)
        levels = self.preparation.unprepared(painted.float().cpu().numpy().reshape(len(painted), -1, 3))
        blank = self.preparation.unprepared(np.zeros(3, np.float32))
        pictures = []
        for b, cells in enumerate(np.split(levels, np.cumsum(counts)[:-1])):
            pixels = joined(cells.reshape(*grids[b], -1), self._image().cell)
            pictures.append(picture_of(tokens, b, framed(pixels, table.views[b], table.sizes[b], blank)))
        return pictures


def masked_loss(
    painted: Float[torch.Tensor, "N K"],
    wanted: Float[torch.Tensor, "N K"],
    hidden: Bool[torch.Tensor, "N"],
    *,
    norm_pix_loss: bool = False,
) -> Float[torch.Tensor, ""]:
    """The mean squared error over the hidden patches; visible ones do not count.

    wanted          `pixel_rows` of the same pictures
    norm_pix_loss   each wanted patch less its own mean, over its own deviation (unbiased variance + 1e-6)

    NaN where nothing is hidden.
    """
    if norm_pix_loss:
        wanted = (wanted - wanted.mean(1, keepdim=True)) / (wanted.var(1, keepdim=True) + 1e-6).sqrt()
    return (painted - wanted).square().mean(1)[hidden].mean()


def pixel_rows(batch: Float[torch.Tensor, "B 3 H W"], patch_size: int) -> Float[torch.Tensor, "N K"]:
    """The pixels of each patch, row by row, in the order row, column, channel: `[N, P·P·3]`."""
    return patch_rows(batch, patch_size).unflatten(1, (3, -1)).mT.flatten(1)


def shown(word: str, count: int, mask_ratio: float) -> Bool[Array, "n"]:
    """Which of `count` patches the encoder is shown. Equal words draw alike.

    The published lot: noise for every patch, and those with the least of it stay.
    """
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=16).digest())
    noise = np.random.default_rng(seed).random(count)
    visible = np.zeros(count, bool)
    visible[np.argsort(noise, kind="stable")[: int(count * (1 - mask_ratio))]] = True
    return visible


def _with_class(visible: Sequence[Bool[Array, "..."]]) -> Bool[Array, "N"]:
    """Masks of patches end to end, the class token of each picture before its own."""
    one = np.ones(1, bool)
    return np.concatenate([one[:0], *(part for some in visible for part in (one, some))])
