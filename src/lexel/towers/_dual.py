"""A dual encoder: an image tower and a text tower that meet in one space.

    pictures ─► preparation ─► image tower ─┬─► tokenize   Tokens, as the published last hidden state or shared
                                            └─► embed ─┐
                                                       ├─ cosines ─► similarity, zero_shot
    texts ────► speller ─────► text tower ────► embed ─┘

Towers are given: a family's file says which. What comes out is NumPy's, float32, on the host; `encode_pixels` alone
gives tensors, and lets gradients flow through a `trainable()` copy.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np

from lexel.errors import BadArguments, LoadError, MissingNeed
from lexel.needs import torch
from lexel.nn.loaded import Loaded, changed
from lexel.nn.patches import Pixels
from lexel.nn.spelled import Ids
from lexel.nn.transformer import Traced
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Preparation, View
from lexel.pipelines.grammar import Inside, Stage, parse
from lexel.ragged.packed import Packed
from lexel.shapes import Array, Float
from lexel.tokens.meaning import Space
from lexel.tokens.protocols import Selector
from lexel.tokens.value import Tokens
from lexel.towers._tokens import tokens_of
from lexel.towers._zero_shot import ZeroShot
from lexel.words.templates import prompts
from lexel.words.value import Speller, Words

D = TypeVar("D", bound="Dual")
T = TypeVar("T")

PICTURES, TEXTS = 32, 256  # that go through a tower at once

Meant: TypeAlias = str | Picture | Iterable[str] | Iterable[Picture] | Array  # words, pictures, or their vectors


@runtime_checkable
class ImageTower(Protocol):
    """What a dual encoder asks of an image tower."""

    offers: frozenset[str]
    width: int

    def trace(self, batch: Pixels, keep: Collection[str] = ()) -> Traced:
        """Prepared pixels → tokens, with what `keep` names."""

    def pooled(self, packed: Packed) -> Float[torch.Tensor, "B E"]:
        """One vector a picture."""

    def shared(self, packed: Packed) -> Float[torch.Tensor, "N E"]:
        """Each token where words live."""

    def with_inside(self, selector: Selector, layers: tuple[int, ...] = ()) -> "ImageTower":
        """The same tower with a selector in it."""


@runtime_checkable
class TextTower(Protocol):
    """What a dual encoder asks of a text tower."""

    def arrange(self, words: Words, pad: int) -> Ids:
        """The ids of spelled texts as the tower wants them."""

    def encode_ids(self, ids: Ids) -> Packed:
        """Ids → tokens."""

    def pooled(self, packed: Packed, ids: Ids) -> Float[torch.Tensor, "B E"]:
        """One vector a text."""


class Dual(Loaded):
    """Two towers in one space; either may be absent where half a model was loaded.

    preparation   pictures → pixels, as the checkpoint was trained
    speller       texts → ids; None where the folder has none
    biased        whether logits have a bias beside their scale (SigLIP)
    name          what `lexel.load` was given; the model's text in pipelines
    digest        of the weights; spaces of equal digests may be compared

    Raises `LoadError` when something is asked of a half that is not there.
    """

    def __init__(
        self,
        image: ImageTower | None,
        text: TextTower | None,
        *,
        preparation: Preparation,
        speller: Speller | None = None,
        biased: bool = False,
        name: str = "unnamed",
        digest: str = "",
    ) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.preparation, self.speller, self.name, self.digest = preparation, speller, name, digest
        whole = image is not None and text is not None  # a half has nothing to be compared with
        self.logit_scale = torch.nn.Parameter(torch.zeros(())) if whole else None
        self.logit_bias = torch.nn.Parameter(torch.zeros(())) if whole and biased else None
        self._inside: tuple[Inside, ...] = ()

    @property
    def offers(self) -> frozenset[str]:
        """The evidence that `tokenize` can keep for selectors."""
        return self._image().offers

    @property
    def space(self) -> Space:
        """What the data of `tokenize` mean: the published last hidden state."""
        return Space("vectors", self._image().width, digest=self.digest, name=self.name)

    def encode_pixels(self, batch: Pixels) -> Packed:
        """Prepared pixels, float [B, 3, H, W] or a list of [3, H, W], → the published last hidden state, packed."""
        return self._image().trace(batch).packed

    def inside(self: D, selector: Selector, *, layers: tuple[int, ...] = ()) -> D:
        """The same model, weights shared, with `selector` after the attention of these layers; none means all.

        Raises `BadArguments` for a layer that is not there, `MissingNeed` for evidence that the tower cannot give.
        """
        other = changed(self, image=self._image().with_inside(selector, layers))
        [stage] = parse(repr(selector)).stages
        other._inside = (*self._inside, Inside(layers, stage))
        return other

    def tokenize(
        self, pictures: Iterable[Picture], *, space: Literal["shared"] | None = None, keep: Collection[str] = ()
    ) -> Tokens:
        """The tokens of every picture: the published last hidden state, class token first where there is one.

        space   "shared": projected where words live
        keep    evidence for selectors, a column each: "keys", "attention.cls", "attention.received"; of the last
                layer, or "attention.cls@-2"; mean of the heads, or "attention.cls.joined"

            clip.tokenize(pictures)              # <197 tokens of 1 picture: vectors of …, 768 wide, float32>

        Raises `BadArguments` for another space, `MissingNeed` for evidence that this tower does not have.
        """
        if space not in ("shared", None):
            raise BadArguments(f'space is "shared" or None, not {space!r}')
        image = self._image()
        if missing := sorted(
            name for name in keep if name.partition("@")[0].removesuffix(".joined") not in image.offers
        ):
            raise MissingNeed(
                f"{self.name} does not have {' and '.join(missing)}", hint=f"it has {', '.join(sorted(image.offers))}"
            )
        batches = [self._tokens(some, space, keep) for some in _by(PICTURES, pictures)]
        return Tokens.concat(batches or [self._tokens([], space, keep)])

    def embed(self, things: Meant) -> Float[Array, "B E"]:
        """One unit vector for each picture or text, float32. A str is always words, never a path.

        An array is taken for vectors that this model made before: its rows are made unit.

            clip.embed(pictures)                 # [B, 512]
            clip.embed("a dog in the snow")      # [1, 512]
        """
        if isinstance(things, np.ndarray):
            return _unit(things)
        remaining = iter([things] if isinstance(things, str | Picture) else things)
        first = list(islice(remaining, 1))
        spoken = bool(first) and isinstance(first[0], str)
        embed, size = (self._embed_texts, TEXTS) if spoken else (self._embed_pictures, PICTURES)
        rows = [embed(some) for some in _by(size, chain(first, remaining))]
        return np.concatenate(rows or [self._embed_pictures([])])

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
        return tokens.with_(columns={**tokens.columns, "score": _unit(tokens.data) @ words.T})

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
        weights = _unit(np.stack(rows)) if rows else self._embed_texts([])
        return ZeroShot(tuple(labels), weights, self._scale(), bias if multi else None, self.embed)

    def __repr__(self) -> str:
        return str(Stage(self.name, inside=self._inside))

    def _tokens(self, pictures: Sequence[Picture], space: str | None, keep: Collection[str]) -> Tokens:
        image = self._image()
        with torch.inference_mode():
            pixels, views = self._prepared(pictures)
            traced = image.trace(pixels, keep)
            data = traced.packed.x if space is None else image.shared(traced.packed)
            return tokens_of(traced, data, pictures, views, self._space_of(space, data.shape[1]))

    def _embed_pictures(self, pictures: Sequence[Picture]) -> Float[Array, "B E"]:
        image = self._image()
        with torch.inference_mode():
            pixels, _ = self._prepared(pictures)
            return _unit(image.pooled(image.trace(pixels).packed).float().cpu().numpy())

    def _embed_texts(self, texts: Sequence[str]) -> Float[Array, "B E"]:
        if self.text is None:
            raise LoadError("has no text tower", subject=self.name)
        if self.speller is None:
            raise LoadError("has no tokenizer.json, which holds its words", subject=self.name)
        ids = self.text.arrange(self.speller(texts), self.speller.pad)
        with torch.inference_mode():
            return _unit(self.text.pooled(self.text.encode_ids(ids), ids).float().cpu().numpy())

    def _prepared(self, pictures: Sequence[Picture]) -> tuple[Pixels, list[View]]:
        made = [self.preparation.prepare(picture) for picture in pictures]
        pixels = [torch.from_numpy(x) for x, _ in made]
        alike = len({x.shape for x in pixels}) == 1
        return torch.stack(pixels) if alike else pixels, [view for _, view in made]

    def _image(self) -> ImageTower:
        if self.image is None:
            raise LoadError("has no image tower", subject=self.name)
        return self.image

    def _space_of(self, space: str | None, width: int) -> Space:
        if space is None:
            return self.space
        return Space("vectors", width, digest=f"{self.digest} shared", name=f"{self.name}, shared with words")

    def _scale(self) -> float:
        if self.logit_scale is None:
            raise LoadError("is half a model: there is nothing to compare with", subject=self.name)
        return float(self.logit_scale.exp())

    def _bias(self) -> float | None:
        return None if self.logit_bias is None else float(self.logit_bias)


def _by(size: int, things: Iterable[T]) -> Iterator[list[T]]:
    """So many at a time."""
    remaining = iter(things)
    while some := list(islice(remaining, size)):
        yield some


def _unit(x: Float[Array, "B E"]) -> Float[Array, "B E"]:
    x = np.asarray(x, np.float32)
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), np.finfo(np.float32).tiny)
