"""Captions to ids for CLIP, beside the published Python tokenizer and the one of transformers.

    pip install --no-deps open_clip_torch; pip install transformers regex
    python bench/spelling.py [--json FILE]

Each way starts from texts and ends at padded ids `[B, 77]`; before they are timed they must agree. The published
tokenizer is openai/CLIP's, as open_clip carries it on; only its file is loaded, because the package wants torchvision.
lexel also gives character spans, and spells control tokens as text. The first round fills every way's memo of words
and does not count; `one caption` is asked again and again, as a search box does.
"""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import Row, interleave, report
from numpy.typing import NDArray

from lexel.words import clean
from lexel.words.bpe import END, START, SYMBOLS, ClipSpeller
from lexel.words.templates import prompts

LENGTH, PAD = 77, 0
Way = Callable[[list[str]], NDArray[np.int64]]


def main() -> None:
    """Check that all ways give the same ids, then time them."""
    published, vocab, merges = open_clip()
    ways: dict[str, Way] = {
        "published": lambda texts: np.asarray(published(texts)),
        "transformers": of_transformers(vocab, merges),
        "lexel": of_lexel(ClipSpeller.published()),
        "lexel, not repaired": of_lexel(ClipSpeller.published(clean=clean.clip_plain)),
    }
    rows: list[Row] = []
    for what, texts in workloads(vocab).items():
        expected, *others = (way(texts) for way in ways.values())
        if not all(np.array_equal(expected, other) for other in others):
            sys.exit(f"{what}: the ways give different ids, the comparison means nothing")
        rows += interleave(what, {name: lambda way=way, texts=texts: way(texts) for name, way in ways.items()})
    report(rows)


def workloads(vocab: dict[str, int]) -> dict[str, list[str]]:
    """Prompts of labels, captions of whole words drawn from the vocabulary, the same with accents, and one alone."""
    random = np.random.default_rng(0)
    words = [token[:-4] for token in vocab if token.endswith("</w>") and token[:-4].isascii() and token[:-4].isalpha()]
    labels = [" ".join(random.choice(words, 2)) for _ in range(50)]
    captions = [" ".join(random.choice(words, n)) + "." for n in random.integers(5, 30, 2000)]
    return {
        "4,000 prompts of 50 labels": [text for label in labels for text in prompts(label, templates="imagenet")],
        "2,000 captions": captions,
        "2,000 captions with accents": [f"{text} café № 7 😀" for text in captions],
        "one caption": captions[:1],
    }


def of_lexel(speller: ClipSpeller) -> Way:
    """Ids as lexel spells them."""
    return lambda texts: speller(texts).padded(length=LENGTH, pad=PAD)


def of_transformers(vocab: dict[str, int], merges: list[tuple[str, str]]) -> Way:
    """Ids as transformers spells them, filled up as the others are."""
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges)

    def spell(texts: list[str]) -> NDArray[np.int64]:
        made = tokenizer(texts, padding="max_length", truncation=True, max_length=LENGTH, return_tensors="np")
        return np.where(made["attention_mask"], made["input_ids"], PAD)

    return spell


def open_clip() -> tuple[Callable[[list[str]], object], dict[str, int], list[tuple[str, str]]]:
    """The published tokenizer, and its vocabulary and merges as text."""
    package = importlib.util.find_spec("open_clip")
    if package is None or package.origin is None:
        sys.exit("pip install --no-deps open_clip_torch")
    spec = importlib.util.spec_from_file_location("published", Path(package.origin).with_name("tokenizer.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    published = module.SimpleTokenizer()
    merges = list(published.bpe_ranks)
    symbols = list(SYMBOLS.values())
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols), *(a + b for a, b in merges), START, END]
    return published, {token: id for id, token in enumerate(tokens)}, merges


if __name__ == "__main__":
    main()
