"""SigLIP: pictures and captions that match pair by pair, not against a batch. SigLIP, SigLIP 2 and its NaFlex.

    pixels ─► patches + positions ─ ▒▒▒▒ ─ norm ─┬─► the tokens of tokenize
                                                 └─► a learned question to all of them: the picture
    ids ────► words + positions ─── ▒▒▒▒ ─ norm ───► last place ─► linear: the text

NaFlex is the same tower on pictures of their own aspect: a raster of its own for each, positions stretched to it.

Paper      Zhai et al. 2023, arXiv 2303.15343; Tschannen et al. 2025, arXiv 2502.14786
Kind       image and text tower; learned
Needs      weights
Cost       B/16 at 224: 17.5 billion multiply-adds a picture; So400m/14 at 384: 335
Checked by test_image_tower_equals_transformers, test_text_tower_equals_transformers, test_naflex_equals_transformers
"""

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import Embedding, Linear
from lexel.nn.patches import PatchEmbedding, Pixels, packed
from lexel.nn.pooling import AttentionPool
from lexel.nn.spelled import Ids, embedded
from lexel.nn.transformer import Attention, Traced
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Int
from lexel.towers._config import ImageConfig, TextConfig
from lexel.towers._plain import PlainTower
from lexel.words.value import Words


class SiglipImage(PlainTower):
    """The image tower. Without weights until a state is loaded into it."""

    offers = frozenset({"keys", "attention.received", "attention.rollout"})

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.config, self.width, self.cell = config, blocks.width, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, blocks.width, bias=True)
        self.positions = torch.nn.Parameter(torch.zeros(config.grid**2, blocks.width))
        self.transformer = blocks.transformer(causal=False)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.head: AttentionPool | None = None
        if config.embed_dim is not None:
            self.head = AttentionPool(Attention(blocks.width, blocks.heads), blocks.mlp(), blocks.width, blocks.eps)

    def begin(self, batch: Pixels) -> Packed:
        """Patches and positions."""
        x, grids = self.patches(batch)
        return packed(x + self.config.resampling.each(self.positions, grids), grids)

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """One vector a picture in the space shared with words, of its own length."""
        return self._pool()(packed)

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each token where words live: what its picture would be if it had no other token."""
        return self._pool().each(packed.x)

    def _pool(self) -> AttentionPool:
        if self.head is None:
            raise BadArguments("this tower was saved without the head that leads to the space of words")
        return self.head


class SiglipText(torch.nn.Module):
    """The text tower. Without weights until a state is loaded into it."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.config = config
        self.words = Embedding(config.vocab_size, blocks.width)
        self.positions = torch.nn.Parameter(torch.zeros(config.length, blocks.width))
        self.transformer = blocks.transformer(causal=False)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.projection = None if config.embed_dim is None else Linear(blocks.width, config.embed_dim)

    def encode_ids(self, ids: Ids) -> Packed:
        """Ids [B, T], or a list of [T], → `last_hidden_state`, normed. Every place sees every other, padding too."""
        traced: Traced = self.transformer(embedded(ids, self.words, self.positions))
        return traced.packed.with_x(self.norm_out(traced.packed.x))

    def pooled(self, packed: Packed, ids: Ids) -> Float[torch.Tensor, "B E"]:
        """One vector a text in the space shared with pictures, of its own length: its last place's, padding or not."""
        return self._projected(packed.x[packed.splits[1:] - 1])

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each token where pictures live, by the last place's own path."""
        return self._projected(packed.x)

    def arrange(self, words: Words, pad: int) -> Int[torch.Tensor, "B T"]:
        """The ids of spelled texts as this tower wants them: filled up to its full length, as in training."""
        return torch.from_numpy(words.padded(length=self.config.length, pad=pad))

    def _projected(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N E"]:
        return x if self.projection is None else self.projection(x)
