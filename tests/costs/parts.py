"""Pieces that the oracles are built from: classes of `transformers` by name, and tokenizers that need no download."""

import ast
import importlib
import importlib.util
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import PreTrainedTokenizerFast

Size = tuple[int, int]
Counter = Callable[[Sequence[Size]], list[int | None]]


def counter_of(processor: object) -> Counter:
    """The processor's own pixel-free counter, size by size where one of them is refused."""

    def count(sizes: Sequence[Size]) -> list[int | None]:
        try:
            return list(
                processor._get_num_multimodal_tokens(image_sizes=[list(size) for size in sizes])["num_image_tokens"]
            )
        except (ValueError, ZeroDivisionError):
            if len(sizes) == 1:
                return [None]
            half = len(sizes) // 2
            return count(sizes[:half]) + count(sizes[half:])

    return count


@cache
def word_tokenizer() -> PreTrainedTokenizerFast:
    """Splits text into the special words, newlines (two together are one) and single characters."""
    special = {
        "boi_token": "<boi>",
        "context_image_token": "<ctx>",
        "end_image_token": "<end>",
        "eoi_token": "<eoi>",
        "fake_image_token": "<fake_token_around_image>",
        "image_token": "<image>",
        "start_image_token": "<start>",
        "video_token": "<video>",
    }
    markers = ["<global-img>", *(f"<row_{row}_col_{column}>" for row in range(1, 9) for column in range(1, 9))]
    words = ["[UNK]", "\n", "\n\n", *special.values(), *markers]
    core = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = Split(Regex(r"\n\n|\n|."), "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", extra_special_tokens=special)
    tokenizer.add_special_tokens({"additional_special_tokens": markers}, replace_extra_special_tokens=False)
    return tokenizer


def plain_tokenizer() -> PreTrainedTokenizerFast:
    """The same words for the processors that bring their special ones themselves."""
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(word_tokenizer().backend_tokenizer.to_str()))


def part(module: str, name: str) -> type:
    return getattr(importlib.import_module(f"transformers.models.{module}"), name)


@cache
def functions_of(module: str, *names: str) -> SimpleNamespace:
    """Plain functions of a module that cannot be imported whole, because it asks for torchvision on top."""
    source = importlib.util.find_spec("transformers").origin
    text = (Path(source).parent / "models" / f"{module}.py").read_text(encoding="utf-8")
    wanted = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef) and node.name in names]
    for node in wanted:
        node.decorator_list = []
    space: dict[str, object] = {
        "math": math, "torch": torch, "defaultdict": defaultdict, "SizeDict": SimpleNamespace, "lru_cache": cache
    }  # fmt: skip
    exec(compile(ast.Module(wanted, []), module, "exec"), space)
    return SimpleNamespace(**space)
