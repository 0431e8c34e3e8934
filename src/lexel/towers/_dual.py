"""A dual encoder: an image tower and a text tower that meet in one space.

    pictures ─► preparation ─► image tower ─┬─► tokenize   Tokens, as the published last hidden state or shared
                                            └─► embed ─┐
                                                       ├─ cosines ─► similarity, zero_shot
    texts ────► speller ─────► text tower ────► embed ─┘

A backbone that knows words. Towers are given: a family's file says which.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np

from lexel.errors import BadArguments, LoadError
from lexel.needs import torch
from lexel.nn.prepared import Prepared, by
from lexel.nn.spelled import Ids
from lexel.pictures.picture import Picture, Pictures
from lexel.pictures.prepare import Preparation
from lexel.ragged.packed import Packed
from lexel.shapes import Array, Float
from lexel.tokens.meaning import Space
from lexel.tokens.value import Tokens
from lexel.towers._backbone import Backbone, ImageTower, unit
from lexel.towers._config import TextConfig
from lexel.towers._tokens import seen_by, tokens_of
from lexel.towers._zero_shot import ZeroShot
from lexel.words.templates import prompts
from lexel.words.value import Speller, Words

TEXTS = 256  # that go through a tower at once

Meant: TypeAlias = str | Picture | Iterable[str] | Iterable[Picture] | Array  # words, pictures, or their vectors


@runtime_checkable
class SharedTower(ImageTower, Protocol):
    """An image tower whose tokens can go where words live."""

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each token where words live."""


@runtime_checkable
class TextTower(Protocol):
    """What a dual encoder asks of a text tower."""

    config: TextConfig

    def arrange(self, words: Words, pad: int) -> Ids:
        """The ids of spelled texts as the tower wants them."""

    def encode_ids(self, ids: Ids) -> Packed:
        """Ids → tokens."""

    def pooled(self, packed: Packed, ids: Ids) -> Float[torch.Tensor, "B E"]:
        """One vector a text."""


class Dual(Backbone):
    """Two towers in one space; either may be absent where half a model was loaded.

    speller       texts → ids; None where the folder has none
    biased        whether logits have a bias beside their scale (SigLIP)

    `preparation`, `name`, `digest` are those of `Backbone`.

    Raises `LoadError` when something is asked of a half that is not there.
    """

    def __init__(
        self,
        image: SharedTower | None,
        text: TextTower | None,
        *,
        preparation: Preparation,
        speller: Speller | None = None,
        biased: bool = False,
        name: str = "unnamed",
        digest: str = "",
    ) -> None:
        super().__init__(image, preparation=preparation, name=name, digest=digest)
        self.text, self.speller = text, speller
        whole = image is not None and text is not None  # a half has nothing to be compared with
        self.logit_scale = torch.nn.Parameter(torch.zeros(())) if whole else None
        self.logit_bias = torch.nn.Parameter(torch.zeros(())) if whole and biased else None

    def tokenize(
        self,
        pictures: Iterable[Picture],
        *,
        tiles: tuple[int, int] | None = None,
        space: Literal["shared"] | None = None,
        keep: Collection[str] = (),
    ) -> Tokens:
        """The tokens of every picture: the published last hidden state, class token first where there is one.

        tiles   (rows, columns): look at so many tiles of each picture instead of at the family's one crop, for detail
                and for what lies at the edge. Tokens come tile by tile; the column `crop` says which
        space   "shared": projected where words live
        keep    evidence for selectors, a column each: "keys", "attention.cls", "attention.received"; of the last
                layer, or "attention.cls@-2"; mean of the heads, or "attention.cls.joined". For eyes there is
                "attention.rollout" of all layers, which needs n² numbers a picture

            clip.tokenize(pictures)              # <197 tokens of 1 picture: vectors of …, 768 wide, float32>

        Raises `BadArguments` for another space and for tiles that the preparation cannot make, `MissingNeed` for
        evidence that this tower does not have.
        """
        if space not in ("shared", None):
            raise BadArguments(f'space is "shared" or None, not {space!r}')
        image = self._kept(keep)
        if space is None:
            return super().tokenize(pictures, tiles=tiles, keep=keep)
        assert isinstance(image, SharedTower)

        def tokens(batch: Prepared) -> Tokens:
            traced = image.trace(batch.pixels, keep)
            data = image.shared(traced.packed)
            views = seen_by(image.cell, batch.pixels, batch.views, traced)
            name, digest = f"{self.name}, shared with words", f"{self.digest} shared"
            there = Space("vectors", data.shape[1], digest=digest, name=name)
            return tokens_of(traced, data, batch.pictures, views, there, crops=batch.crops)

        return self._tokens(pictures, tokens, tiles)

    def embed(self, things: Meant) -> Float[Array, "B E"]:
        """One unit vector for each picture or text, float32. A str is always words, never a path.

        An array is taken for vectors that this model made before: its rows are made unit.

            clip.embed(pictures)                 # [B, 512]
            clip.embed("a dog in the snow")      # [1, 512]
        """
        if isinstance(things, np.ndarray | Picture | Pictures):
            return super().embed(things)
        remaining: Iterator[str | Picture] = iter([things] if isinstance(things, str) else things)
        first = list(islice(remaining, 1))
        if not (first and isinstance(first[0], str)):
            return super().embed(cast(Iterator[Picture], chain(first, remaining)))
        texts = cast(Iterator[str], chain(first, remaining))
        return np.concatenate([self._embed_texts(some) for some in by(TEXTS, texts) if some])

    def similarity(self, a: Meant, b: Meant) -> Float[Array, "A B"]:
        """Cosines between any two of pictures, texts and vectors: −1 to 1, float32."""
        return self.embed(a) @ self.embed(b).T

    def logits(self, a: Meant, b: Meant) -> Float[Array, "A B"]:
        """What the model was trained on: scaled cosines, and for SigLIP the bias."""
        return self.similarity(a, b) * np.float32(self._scale()) + np.float32(self._bias() or 0)

    def token_similarity(self, pictures: Iterable[Picture], texts: str | Sequence[str]) -> Tokens:
        """Which patches match which words: the tokens where words live, with a column `score` of cosines `[N, T]`."""
        words = self.embed(texts)
        tokens = self.tokenize(pictures, space="shared")
        return tokens.with_(columns={**tokens.columns, "score": unit(tokens.data) @ words.T})

    def zero_shot(
        self, labels: Sequence[str], templates: str | Sequence[str] = "imagenet", *, multi: bool = False
    ) -> ZeroShot:
        """A classifier for these labels: the mean of each label's prompts, made unit.

        templates   "imagenet" (80), "imagenet-7", or your own with `{}` for the label
        multi       each label by itself instead of one a picture; needs a model that was trained so (SigLIP)

            clip.zero_shot(["dog", "cat"], templates="imagenet")(pictures)      # [B, 2] probabilities
        """
        bias = self._bias()
        if multi and bias is None:
            raise BadArguments(
                f"{self.name} was trained to rank labels against each other: its cosines are no probabilities",
                hint="SigLIP's are; or ask for one label a picture",
            )
        rows = [self.embed(prompts(label, templates=templates)).mean(axis=0) for label in labels]
        weights = unit(np.stack(rows)) if rows else self._embed_texts([])
        return ZeroShot(tuple(labels), weights, self._scale(), bias if multi else None, self.embed)

    def _embed_texts(self, texts: Sequence[str]) -> Float[Array, "B E"]:
        if self.text is None:
            raise LoadError("has no text tower", subject=self.name)
        if self.speller is None:
            raise LoadError(
                "has no tokenizer.json, vocab.json or spiece.model, which would hold its words", subject=self.name
            )
        words, known = self.speller(texts), self.text.config.vocab_size
        if words.ids.max(initial=0) >= known:  # tokenizer and weights of two models in one folder
            raise LoadError(
                f"spells id {words.ids.max()}, and its text tower knows 0 to {known - 1}", subject=self.name
            )
        ids = self.text.arrange(words, self.speller.pad)
        with torch.inference_mode():
            return unit(self.text.pooled(self.text.encode_ids(ids), ids).float().cpu().numpy())

    def _scale(self) -> float:
        if self.logit_scale is None:
            raise LoadError("is half a model: there is nothing to compare with", subject=self.name)
        return float(self.logit_scale.exp())

    def _bias(self) -> float | None:
        return None if self.logit_bias is None else float(self.logit_bias)
