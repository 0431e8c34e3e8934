"""CLIP: a picture and its caption meet in one space. OpenAI's and OpenCLIP's transformers.

    pixels ─► patches ─┐                            ┌─► norm ─► projection       class token: the picture
               class ──┴─ + positions ─ norm ─ ▒▒▒▒─┴─► the tokens of tokenize   as they leave the last block
    ids ────► words ───── + positions ──────── ▒▒▒▒───► norm ─► projection       last token: the text

Paper      Radford et al. 2021, arXiv 2103.00020; Cherti et al. 2022, arXiv 2212.07143 (OpenCLIP)
Kind       image and text tower; learned
Needs      weights
Cost       B/32 at 224: 4.4 billion multiply-adds a picture; B/16 17.6; L/14 81
Checked by test_image_tower_equals_transformers, test_text_tower_equals_transformers,
           test_parameter_counts_are_the_published_ones
"""

from collections.abc import Collection

import numpy as np

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.nn.layers import Embedding, Linear
from lexel.nn.patches import PatchEmbedding, Pixels, prefixed
from lexel.nn.pooling import class_tokens
from lexel.nn.spelled import Ids, embedded
from lexel.nn.transformer import Traced
from lexel.ragged.packed import Packed
from lexel.shapes import Float, Int
from lexel.tokens.meaning import Kind
from lexel.towers._config import ImageConfig, TextConfig
from lexel.towers._plain import PlainTower
from lexel.words.value import Words


class ClipImage(PlainTower):
    """The image tower. Without weights until a state is loaded into it."""

    def __init__(self, config: ImageConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.config, self.width, self.cell = config, blocks.width, config.patch_size
        self.patches = PatchEmbedding(config.patch_size, blocks.width, bias=False)
        self.class_token = torch.nn.Parameter(torch.zeros(blocks.width))
        self.positions = torch.nn.Parameter(torch.zeros(1 + config.grid**2, blocks.width))
        self.norm_in = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.transformer = blocks.transformer(causal=False)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.projection = None if config.embed_dim is None else Linear(blocks.width, config.embed_dim, bias=False)

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """As of other towers; the published last hidden state comes before the last norm."""
        traced: Traced = self.transformer(self.begin(batch), keep)
        return traced

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """One vector a picture in the space shared with words, of its own length."""
        return self._projected(class_tokens(packed))

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each token where words live, by the class token's own path: norm and projection.

        A tower that was saved without its projection stops after the norm.
        """
        return self._projected(packed.x)

    def _projected(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N E"]:
        x = self.norm_out(x)
        return x if self.projection is None else self.projection(x)

    def begin(self, batch: Pixels) -> Packed:
        """Class tokens and positions added, and the first norm."""
        x, grids = self.patches(batch)
        x = x + self.config.resampling.each(self.positions[1:], grids)
        begun = prefixed(x, grids, {Kind.CLASS: (self.class_token + self.positions[0])[None]})
        return begun.with_x(self.norm_in(begun.x))


class ClipText(torch.nn.Module):
    """The text tower. Without weights until a state is loaded into it."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        blocks = config.blocks
        self.config = config
        self.words = Embedding(config.vocab_size, blocks.width)
        self.positions = torch.nn.Parameter(torch.zeros(config.length, blocks.width))
        self.transformer = blocks.transformer(causal=True)
        self.norm_out = torch.nn.LayerNorm(blocks.width, blocks.eps)
        self.projection = None if config.embed_dim is None else Linear(blocks.width, config.embed_dim, bias=False)

    def encode_ids(self, ids: Ids) -> Packed:
        """Ids [B, T], or a list of [T], → `last_hidden_state`, normed. Texts of any lengths up to the model's.

        What is behind the end token is not seen by what is before it, so that padding changes nothing but the time.
        """
        traced: Traced = self.transformer(embedded(ids, self.words, self.positions))
        return traced.packed.with_x(self.norm_out(traced.packed.x))

    def pooled(self, packed: Packed, ids: Ids) -> Float[torch.Tensor, "B E"]:
        """One vector a text in the space shared with pictures, of its own length: its end token's.

        Raises `BadArguments` for a text without an end token.
        """
        return self._projected(packed.x[packed.splits[:-1] + self._ends(ids)])

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each token where pictures live, by the end token's own path."""
        return self._projected(packed.x)

    def arrange(self, words: Words, pad: int) -> list[Int[torch.Tensor, "T"]]:
        """The ids of spelled texts as this tower wants them: as they are, because padding would change nothing."""
        ids = torch.from_numpy(words.ids.astype(np.int64))
        return list(ids.split(words.counts.tolist()))

    def _projected(self, x: Float[torch.Tensor, "N D"]) -> Float[torch.Tensor, "N E"]:
        return x if self.projection is None else self.projection(x)

    def _ends(self, ids: Ids) -> Int[torch.Tensor, "B"]:
        """The place of the end token in each text."""
        places = []
        for text in ids:
            end = self.config.end
            found = text == (text.max() if end is None else end)
            if not found.any():
                raise BadArguments(f"a text of {len(text)} ids has no end token {end}")
            places.append(int(found.int().argmax()))
        return torch.tensor(places, dtype=torch.int64, device=self.positions.device)
