"""TiTok: a whole picture as a short sequence of codes, 32 to 256 of them. None belongs to a place of the picture.

    patches ─┐                          ┌─ ░ ░ ░ ░ ░ ░ ░ ░      patches again, from one learned vector
    queries ─┴─ ViT ─► queries ─ codes ─┴─ vectors of codes ─ ViT ─► patches ─► pixels

    first release    what was learned with its queries' numbers in a wrong order, which therefore stays; patches are
                     said in codes of MaskGIT's VQGAN, and its decoder makes pixels of their likely vectors
    later release    the right order; a patch is said in its pixels

Pictures have one size, that of the positions, and are cut to it.

Paper      Yu et al. 2024, arXiv 2406.07550
Kind       autoencoder with codes of no place; learned; gives pictures back, not exactly
Needs      weights
Cost       L-32 at 256: 32 codes of 12 bits
Checked by test_titok_equals_the_literal_steps, test_titok_has_the_published_number_of_parameters,
           test_the_first_release_reads_its_queries_in_a_wrong_order
"""

from dataclasses import dataclass, replace

from lexel.autoencoders._autoencoder import Autoencoder, Maps
from lexel.autoencoders._cosine import CosineVQ
from lexel.autoencoders._maskgit import MaskGIT, MaskGITDecoder
from lexel.errors import BadArguments, TokensError
from lexel.needs import torch
from lexel.nn.layers import Linear
from lexel.nn.patches import PatchEmbedding, packed
from lexel.nn.prepared import Prepared
from lexel.pictures.prepare import Preparation
from lexel.quantizers.vq import VQ
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Int
from lexel.tokens.meaning import Kind, Space
from lexel.tokens.value import Tokens
from lexel.towers._config import Blocks
from lexel.towers._tokens import tokens_of, whole


@dataclass(frozen=True, kw_only=True)
class TiTokConfig:
    """A network.

    encoder, decoder   their transformers
    edge               pixels of a side of every picture
    patches            of a side, in pixels: of the encoder and of the decoder
    tokens             T, codes of a picture
    codebook_size      K
    dim                width of a code
    cosine             whether codes are found by direction
    maskgit            what makes pixels in the first release; None in the later one
    """

    encoder: Blocks
    decoder: Blocks
    edge: int
    patches: tuple[int, int]
    tokens: int
    codebook_size: int
    dim: int
    cosine: bool
    maskgit: MaskGIT | None


class TiTokNetwork(torch.nn.Module):
    """The network. Without weights until a state is loaded into it."""

    def __init__(self, config: TiTokConfig) -> None:
        super().__init__()
        self.config, self.width = config, config.dim
        self.cell = config.edge  # a picture is one cell, which has many codes
        self.queries = torch.nn.Parameter(torch.zeros(config.tokens, config.encoder.width))
        self.encoder = _Encoder(config)
        kind = CosineVQ if config.cosine else VQ
        self.quantizer = kind(config.dim, codebook_size=config.codebook_size)
        self.decoder = _Decoder(config)

    def encode(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Float[torch.Tensor, "b T D"]:
        """Pixels from 0 to 1 → what codes are found for. Raises `BadArguments` for another size."""
        edge = self.config.edge
        if pixels.shape[2:] != (edge, edge):
            raise BadArguments(f"pictures are {edge} × {edge}, not {pixels.shape[2]} × {pixels.shape[3]}")
        return self.encoder(pixels, self.queries)

    def decode(self, latents: Float[torch.Tensor, "b T D"]) -> Float[torch.Tensor, "b 3 H W"]:
        """Vectors of codes → pixels of about 0 to 1."""
        return self.decoder(latents)


class TiTok(Autoencoder):
    """Pictures ↔ codes of no place, as users call it."""

    image: TiTokNetwork

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: codes of one codebook, whose order in the sequence counts."""
        return Space("codes", self.image.width, self.image.quantizer.sizes, digest=self.digest, name=self.name)

    def _seen(self, pixels: Float[torch.Tensor, "b 3 H W"]) -> Int[torch.Tensor, "b 1 T"]:
        """The codes of each picture as a map of one row."""
        latents = self.image.encode(pixels)
        return self.image.quantizer.codes(latents.flatten(0, 1).float()).view(len(latents), 1, -1)

    def _of(self, batch: Prepared, encoded: Packed, space: Space) -> Tokens:
        """On no raster: each has the whole view for its box."""
        placeless = replace(
            encoded, kind=torch.full_like(encoded.kind, Kind.QUERY), grid=torch.zeros_like(encoded.grid)
        )
        return tokens_of(whole(placeless), encoded.x, batch.pictures, batch.views, space)

    def _maps(self, tokens: Tokens) -> Maps:
        count = self.image.config.tokens
        if (tokens.counts != count).any():
            raise TokensError(f"a picture has {count} tokens, all in their order; these have {tokens.counts.tolist()}")
        return list(torch.tensor(tokens.data).view(-1, 1, count))

    def _decoded(self, maps: Maps) -> list[Float[torch.Tensor, "3 _ _"]]:
        return self._stacked([codes[:, None] for codes in maps], self._shown)  # a picture is one place

    def _shown(self, codes: Int[torch.Tensor, "b 1 1 T"]) -> Float[torch.Tensor, "b 3 H W"]:
        vectors = self.image.quantizer.decode(codes.flatten()).to(self.image.queries.dtype)
        return self.image.decode(vectors.view(len(codes), -1, self.image.width))

    def _sized(self, size: int) -> Preparation:
        raise BadArguments(f"pictures have one size here, {self.image.config.edge}, not {size!r}")


class _Half(torch.nn.Module):
    """A class token, patches and queries through one transformer."""

    def __init__(self, blocks: Blocks, patches: int, tokens: int) -> None:
        super().__init__()
        self.class_token = torch.nn.Parameter(torch.zeros(1, blocks.width))
        self.positions = torch.nn.Parameter(torch.zeros(1 + patches, blocks.width))
        self.query_positions = torch.nn.Parameter(torch.zeros(tokens, blocks.width))
        self.norm_in = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.transformer = blocks.transformer(causal=False)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)

    def seen(
        self, patches: Float[torch.Tensor, "b N C"], queries: Float[torch.Tensor, "b T C"]
    ) -> Float[torch.Tensor, "b M C"]:
        """The class token, patches and queries afterwards."""
        cells = torch.cat([self.class_token.expand(len(patches), 1, -1), patches], dim=1) + self.positions
        x = torch.cat([cells, queries + self.query_positions], dim=1)
        rows = packed(self.norm_in(x.flatten(0, 1)), [(1, x.shape[1])] * len(x))
        return self.norm_out(self.transformer(rows).packed.x).view_as(x)


class _Encoder(_Half):
    """Pixels → a vector a query."""

    def __init__(self, config: TiTokConfig) -> None:
        blocks, patch = config.encoder, config.patches[0]
        super().__init__(blocks, (config.edge // patch) ** 2, config.tokens)
        self.mixed = config.maskgit is not None
        self.patches = PatchEmbedding(patch, blocks.width, bias=True)
        self.out = Linear(blocks.width, config.dim)

    def forward(
        self, pixels: Float[torch.Tensor, "b 3 H W"], queries: Float[torch.Tensor, "T C"]
    ) -> Float[torch.Tensor, "b T D"]:
        patches = self.patches(pixels)[0].view(len(pixels), -1, queries.shape[1])
        found = self.seen(patches, queries.expand(len(pixels), -1, -1))[:, -len(queries) :]
        if self.mixed:  # numbers of T vectors read as if they were those of C channels: the first release learned so
            found = found.reshape(len(pixels), queries.shape[1], -1).mT
        return self.out(found.flatten(0, 1)).unflatten(0, (len(pixels), -1))


class _Decoder(_Half):
    """Vectors of codes → pixels."""

    def __init__(self, config: TiTokConfig) -> None:
        blocks, patch = config.decoder, config.patches[1]
        self.side = config.edge // patch
        super().__init__(blocks, self.side**2, config.tokens)
        self.embed = Linear(config.dim, blocks.width)
        self.mask_token = torch.nn.Parameter(torch.zeros(blocks.width))
        self.paint = _Codes(blocks.width, config.maskgit) if config.maskgit else _Pixels(blocks.width, patch)

    def forward(self, latents: Float[torch.Tensor, "b T D"]) -> Float[torch.Tensor, "b 3 H W"]:
        queries = self.embed(latents.flatten(0, 1)).view(*latents.shape[:2], -1)
        patches = self.mask_token.expand(len(latents), self.side**2, -1)
        seen = self.seen(patches, queries)[:, 1 : 1 + self.side**2]
        return self.paint(seen.flatten(0, 1), len(latents), self.side)


class _Pixels(torch.nn.Module):
    """Each patch says its pixels, row, column, channel; a convolution over them all."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.out = Linear(width, patch**2 * 3)
        self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, rows: Float[torch.Tensor, "n C"], count: int, side: int) -> Float[torch.Tensor, "b 3 H W"]:
        squares = self.out(rows).view(count, side, side, self.patch, self.patch, 3)
        return self.conv(squares.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3))


class _Codes(torch.nn.Module):
    """Each patch says how likely each code of MaskGIT's VQGAN is; its decoder is shown the mean of their vectors."""

    def __init__(self, width: int, maskgit: MaskGIT) -> None:
        super().__init__()
        self.inside, self.likely = Linear(width, 2 * width), Linear(2 * width, maskgit.codebook_size)
        self.codebook = torch.nn.Parameter(torch.zeros(maskgit.codebook_size, maskgit.dim))
        self.decoder = MaskGITDecoder(maskgit)

    def forward(self, rows: Float[torch.Tensor, "n C"], count: int, side: int) -> Float[torch.Tensor, "b 3 H W"]:
        chances = self.likely(self.inside(rows).tanh()).softmax(1)
        return self.decoder((chances @ self.codebook).view(count, side, side, -1).permute(0, 3, 1, 2))
