"""The contract of tokenizers without weights: what every one keeps, however it cuts.

    check_tokenizer(Patch(16))       every check below, in order

A check is shown no picture, one, and pictures of many sizes, among them a single pixel, and one pixel's height or
width. A tokenizer whose space has width 0 says that the pictures decide it; the pictures of a batch are then of one
size. One with `detokenize` gives pictures back; with `exact = True` it promises them to the last bit. A network (it has
`encode_pixels`) may give other last digits in another batch, because matrix products add up in another order.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lexel.contracts.common import check_is_its_text, expect
from lexel.contracts.making import make_picture
from lexel.errors import TokensError
from lexel.pictures.picture import Picture
from lexel.tokens.protocols import Tokenizer
from lexel.tokens.value import Tokens

ROUNDING = 1e-5  # of float32 networks, beside their largest number
SIZES = ((32, 48), (31, 17), (64, 64), (1, 1), (1, 3000), (3000, 1))


def check_tokenizer(tokenizer: Tokenizer) -> None:
    """Every check of the contract. Raises `AssertionError` with a sentence: what broke, and on which pictures."""
    for check in TOKENIZER_CHECKS:
        check(tokenizer)


def check_answers_every_picture(tokenizer: Tokenizer) -> None:
    """B pictures in, B out, in their order, with their names, sizes and digests."""
    for seen in _seen(tokenizer):
        table = seen.tokens.pictures
        seen.expect(table.names == tuple(p.name for p in seen.pictures), "the names of the pictures must be carried")
        seen.expect(table.digests == tuple(p.digest for p in seen.pictures), "the digests must be carried")
        sizes = [tuple(size) for size in table.sizes.tolist()]
        seen.expect(sizes == [p.size for p in seen.pictures], "sizes are (height, width) of the upright originals")


def check_makes_good_tokens(tokenizer: Tokenizer) -> None:
    """Every rule of `Tokens` is kept, and every picture has a token."""
    for seen in _seen(tokenizer):
        try:
            seen.tokens.check()
        except TokensError as error:
            seen.expect(False, str(error))
        seen.expect((seen.tokens.counts > 0).all(), "a picture has no token")


def check_stays_in_its_space(tokenizer: Tokenizer) -> None:
    """The tokens are in the space that the tokenizer names, also those of no pictures."""
    for seen in _seen(tokenizer):
        if _sizes_decide(tokenizer) and seen.pictures:
            seen.expect(seen.tokens.space.kind == tokenizer.space.kind, f"the space is {seen.tokens.space}")
        else:
            seen.expect(seen.tokens.space == tokenizer.space, f"{tokenizer.space} was promised: {seen.tokens.space}")


def check_keeps_its_columns(tokenizer: Tokenizer) -> None:
    """No pictures give the columns and dtypes that pictures give."""
    forms = {seen.case: _form(seen.tokens) for seen in _seen(tokenizer)}
    for case, form in forms.items():
        expect(form == forms[NO_PICTURES], f"{tokenizer!r}: {forms[NO_PICTURES]} on {NO_PICTURES}, {form} on {case}")


def check_reads_pictures_once(tokenizer: Tokenizer) -> None:
    """An iterator of pictures will do."""
    for seen in _seen(tokenizer):
        once = tokenizer.tokenize(iter(seen.pictures))
        seen.expect(once.equals(seen.tokens), "an iterator gives other tokens than a list")


def check_batches_do_not_matter(tokenizer: Tokenizer) -> None:
    """A picture alone is cut as it is among others."""
    for seen in _seen(tokenizer):
        for b, picture in enumerate(seen.pictures):
            alone, among = tokenizer.tokenize([picture]), seen.tokens[b]
            if hasattr(tokenizer, "encode_pixels"):
                alone = _rounded_as(alone, among)
            seen.expect(alone.equals(among), f"{picture.name} alone has other tokens than in the batch")


def check_leaves_pixels_alone(tokenizer: Tokenizer) -> None:
    """The pixels are afterwards what they were."""
    for seen in _seen(tokenizer):
        copies = [replace(picture, pixels=picture.pixels.copy()) for picture in seen.pictures]  # can be written into
        tokenizer.tokenize(copies)
        for picture, copy in zip(seen.pictures, copies, strict=True):
            seen.expect(np.array_equal(picture.pixels, copy.pixels), f"it wrote into the pixels of {picture.name}")


def check_decides_the_same_again(tokenizer: Tokenizer) -> None:
    """The same pictures give the same tokens, on two threads at once too."""
    for seen in _seen(tokenizer):
        with ThreadPoolExecutor(2) as threads:
            for again in threads.map(tokenizer.tokenize, [seen.pictures] * 2):
                seen.expect(again.equals(seen.tokens), "the same pictures gave other tokens")


def check_survives_a_file(tokenizer: Tokenizer) -> None:
    """What is saved is loaded."""
    for seen in _seen(tokenizer):
        with TemporaryDirectory() as folder:
            path = Path(folder) / "tokens.safetensors"
            seen.tokens.save(path)
            seen.expect(Tokens.load(path).equals(seen.tokens), "saved and loaded, the tokens are others")


def check_gives_pictures_back(tokenizer: Tokenizer) -> None:
    """`detokenize`, where there is one: the same pictures in the same order; to the last bit where it says `exact`."""
    undo: Callable[[Tokens], list[Picture]] | None = getattr(tokenizer, "detokenize", None)
    if undo is None:
        return
    for seen in _seen(tokenizer):
        back = undo(seen.tokens)
        seen.expect(len(back) == len(seen.pictures), f"{len(back)} pictures came back")
        for picture, again in zip(seen.pictures, back, strict=True):
            known = (again.name, again.size, again.digest) == (picture.name, picture.size, picture.digest)
            seen.expect(known, f"{picture.name} came back as {again.name} of {again.size}")
            good = again.pixels.dtype == np.uint8 and again.pixels.ndim == 3 and again.pixels.shape[2] == 3
            seen.expect(good, f"pixels are uint8 [H, W, 3], not {again.pixels.dtype} {again.pixels.shape}")
        if getattr(tokenizer, "exact", False):
            for picture, again in zip(seen.pictures, back, strict=True):
                resized = again.pixels.shape != picture.pixels.shape
                seen.expect(resized or np.array_equal(again.pixels, picture.pixels), f"{picture.name}: other pixels")
            seen.expect(tokenizer.tokenize(back).equals(seen.tokens), "tokens of what came back are others")


TOKENIZER_CHECKS: tuple[Callable[[Tokenizer], None], ...] = (
    check_is_its_text,
    check_answers_every_picture,
    check_makes_good_tokens,
    check_stays_in_its_space,
    check_keeps_its_columns,
    check_reads_pictures_once,
    check_batches_do_not_matter,
    check_leaves_pixels_alone,
    check_decides_the_same_again,
    check_survives_a_file,
    check_gives_pictures_back,
)

NO_PICTURES = "no pictures"


@dataclass(frozen=True)
class _Seen:
    """What a tokenizer was shown, and its tokens for it."""

    tokenizer: Tokenizer
    case: str
    pictures: list[Picture]
    tokens: Tokens

    def expect(self, holds: bool | np.bool_, sentence: str) -> None:
        expect(holds, f"{self.tokenizer!r} on {self.case}: {sentence}")


def _seen(tokenizer: Tokenizer) -> Iterator[_Seen]:
    for case, pictures in _cases(tokenizer).items():
        yield _Seen(tokenizer, case, pictures, tokenizer.tokenize(pictures))


def _cases(tokenizer: Tokenizer) -> dict[str, list[Picture]]:
    mixed = [make_picture(*size, seed=seed) for seed, size in enumerate(SIZES)]
    if not _sizes_decide(tokenizer):
        return {NO_PICTURES: [], "one picture": mixed[:1], "pictures of many sizes": mixed}
    equal = [make_picture(*SIZES[0], seed=seed) for seed in range(3)]
    return {NO_PICTURES: [], "pictures of one size": equal, **{picture.name: [picture] for picture in mixed}}


def _rounded_as(tokens: Tokens, others: Tokens) -> Tokens:
    """The tokens with the data of the others, where those are the same but for rounding."""
    a, b = tokens.data, others.data
    same = a.shape == b.shape and np.abs(a - b).max(initial=0) <= ROUNDING * max(1.0, np.abs(b).max(initial=0))
    return tokens.with_(data=b) if same else tokens


def _sizes_decide(tokenizer: Tokenizer) -> bool:
    return tokenizer.space.kind == "vectors" and tokenizer.space.width == 0


def _form(tokens: Tokens) -> dict[str, str]:
    return {"data": str(tokens.data.dtype)} | {name: f"{x.dtype} {x.shape[1:]}" for name, x in tokens.columns.items()}
