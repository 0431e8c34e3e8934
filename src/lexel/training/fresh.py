"""New models, from nothing but sizes and a seed: what a training begins with when it does not fine-tune.

    captions ─► speller ─► a folder with tokenizer.json ─┐
                               sizes, seed ──────────────┴─► dual, mae ─► a model in train(), saved by `lexel.save`

A new model is one of the published families at other sizes, so that `lexel.load` and transformers read what comes out
of it. It begins as that family did, see `initial.py`; the same seed gives the same numbers on every machine.
"""

import json
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lexel.disk import commit_bytes
from lexel.errors import BadArguments
from lexel.loading.files import Checkpoint
from lexel.loading.spellers import piece_words, plain_clip_words
from lexel.needs import torch
from lexel.pictures import published
from lexel.towers._config import Blocks, ImageConfig, TextConfig
from lexel.towers._dual import Dual
from lexel.towers.clip import ClipImage, ClipText
from lexel.towers.mae import MAE, MAEConfig, MAEImage
from lexel.towers.siglip import SiglipImage, SiglipText
from lexel.training import initial
from lexel.words.bpe import END, START, SYMBOLS
from lexel.words.folder import TOKENIZER, read_text

if TYPE_CHECKING:
    import tokenizers


@dataclass(frozen=True)
class ImageSizes:
    """A ViT. What stands here is B/32's; the MLP is four times as wide.

    image_size   side of the pictures in pixels, a multiple of `patch_size`
    patch_size   side of a patch
    width        D, a multiple of `heads`
    depth        blocks
    heads        of attention
    """

    image_size: int = 224
    patch_size: int = 32
    width: int = 768
    depth: int = 12
    heads: int = 12


@dataclass(frozen=True)
class PainterSizes:
    """The decoder of a masked autoencoder. What stands here is that of every published one."""

    width: int = 512
    depth: int = 8
    heads: int = 16


@dataclass(frozen=True)
class TextSizes:
    """A text tower. What stands here is that of CLIP's B/32; the MLP is four times as wide.

    length   tokens of a text at most, start and end included
    width    D, a multiple of `heads`
    depth    blocks
    heads    of attention
    """

    length: int = 77
    width: int = 512
    depth: int = 12
    heads: int = 8


def dual(
    image: ImageSizes,
    text: TextSizes,
    words: Path,
    *,
    loss: Literal["clip", "siglip"] = "clip",
    embed_dim: int | None = None,
    seed: int = 0,
) -> Dual:
    """A dual encoder on the CPU, in `train()` and with gradients.

    words       a folder with a tokenizer.json: `vocabulary.py` makes one, or any that the family reads
    loss        the family, and with it what it is trained on: "clip" wants byte pairs, "siglip" takes pieces too
    embed_dim   width of the space that pictures and words share; unless said that of the image tower, which is the
                only one that SigLIP can have

    Raises `BadArguments` for sizes that do not go together, `LoadError` for a tokenizer that the family cannot read.

        model = fresh.dual(ImageSizes(64, 8, 192, 6, 3), TextSizes(32, 192, 2, 3), Path("words"))
    """
    embed = embed_dim or image.width
    if loss == "siglip" and embed != image.width:
        raise BadArguments(f"SigLIP's space is as wide as its image tower: {image.width}, not {embed}")
    make = {"clip": plain_clip_words, "siglip": piece_words}[loss]
    speller = make(Checkpoint(words, str(words)), text.length)
    if speller is None:
        raise BadArguments(f"{words} has no {TOKENIZER}")
    act, eps = ("gelu", 1e-5) if loss == "clip" else ("gelu_pytorch_tanh", 1e-6)
    sight = ImageConfig(_blocks(image.width, image.depth, image.heads, act, eps), image.patch_size, _grid(image), embed)
    reading = TextConfig(
        _blocks(text.width, text.depth, text.heads, act, eps),
        vocab_size=_tokens(words),
        length=text.length,
        embed_dim=embed,
        end=speller.end if loss == "clip" else None,
    )
    with torch.device("meta"):
        model = Dual(
            ClipImage(sight) if loss == "clip" else SiglipImage(sight),
            ClipText(reading) if loss == "clip" else SiglipText(reading),
            preparation=(published.clip if loss == "clip" else published.siglip)(image.image_size),
            speller=speller,
            biased=loss == "siglip",
        )
    rules = (initial.clip if loss == "clip" else initial.siglip)(sight, reading)
    initial.begin(model.to_empty(device="cpu"), rules, seed=seed)
    return model


def mae(
    image: ImageSizes, painter: PainterSizes = PainterSizes(), *, norm_pix_loss: bool = False, seed: int = 0
) -> MAE:
    """A masked autoencoder on the CPU, in `train()` and with gradients but for its positions, which are not learned.

    norm_pix_loss   paint each patch without its own brightness and contrast: better features, and no pictures

    Raises `BadArguments` for sizes that do not go together, and for widths that are no multiples of 4.
    """
    if image.width % 4 or painter.width % 4:
        raise BadArguments(f"widths are multiples of 4, not {image.width} and {painter.width}: positions are sines")
    decoder = _blocks(painter.width, painter.depth, painter.heads, "gelu", 1e-6)
    sight = _blocks(image.width, image.depth, image.heads, "gelu", 1e-6)
    config = MAEConfig(sight, image.patch_size, _grid(image), decoder=decoder, norm_pix_loss=norm_pix_loss)
    with torch.device("meta"):
        model = MAE(MAEImage(config), preparation=published.squashed(image.image_size))
    initial.begin(model.to_empty(device="cpu"), initial.mae(config), seed=seed)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.endswith("positions"))
    return model


def trained(dual: Dual, what: Literal["all", "image", "text", "projection"]) -> Dual:
    """The same model, in `train()`, with gradients in a part of it; the other parts are locked as they are.

    all          everything
    image        the image tower
    text         the text tower: locked-image tuning (LiT, arXiv 2111.07991)
    projection   the layers that lead to the shared space: of CLIP both projections, of SigLIP head and projection

    Scale and bias of the logits are always trained. What is locked is in `eval()`: a batch norm keeps its statistics.
    """
    parts = {
        "all": ("image.", "text."),
        "image": ("image.",),
        "text": ("text.",),
        "projection": ("image.projection.", "image.head.", "image.attnpool.", "text.projection."),
    }[what]
    for name, parameter in dual.named_parameters():
        parameter.requires_grad_(name.startswith(("logit_", *parts)))
    dual.train()
    for module in dual.modules():
        module.training = any(parameter.requires_grad for parameter in module.parameters()) or not [
            *module.parameters()
        ]
    return dual


def speller(
    captions: Iterable[str], *, vocab_size: int, folder: Path, kind: Literal["bytes", "pieces"] = "bytes"
) -> None:
    """Learn a vocabulary from captions, and write tokenizer.json and tokenizer_config.json to `folder`.

    vocab_size   tokens at most; fewer where the captions have no more to learn from
    kind         "bytes": byte pairs in CLIP's manner, in which any text can be spelled; at least 514
                 "pieces": unigrams in SigLIP's manner; characters that no caption has are one unknown token, and
                 learning them anew may change the last digits of their scores

    Texts are cleaned as the family cleans them, by the file itself too, so that transformers spells the same ids.
    Raises `BadArguments` for too small a vocabulary, `OutputError` where the folder cannot be written.
    """
    learn, smallest = (_byte_pairs, len(_BYTES) + 2) if kind == "bytes" else (_unigrams, len(PIECES))
    if vocab_size < smallest:
        raise BadArguments(f"a vocabulary of {kind} has {smallest} tokens or more, not {vocab_size}")
    tokenizer, names = learn(captions, vocab_size)
    folder.mkdir(parents=True, exist_ok=True)
    commit_bytes(folder / TOKENIZER, tokenizer.to_str(pretty=True).encode())
    commit_bytes(folder / "tokenizer_config.json", (json.dumps(names, indent=2, sort_keys=True) + "\n").encode())


_BYTES = [*SYMBOLS.values(), *(symbol + "</w>" for symbol in SYMBOLS.values())]
PIECES = ("<unk>", "</s>")  # of unigrams, before the others; the second ends a text, under SigLIP's id 1

# CLIP's pattern for words, as its tokenizer.json has it.
WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def _byte_pairs(captions: Iterable[str], size: int) -> tuple["tokenizers.Tokenizer", dict[str, str]]:
    """The published construction: 256 bytes, the same at the end of a word, merges in their order, start, end."""
    from lexel.needs import tokenizers

    learner = _clip_frame(tokenizers.models.BPE(end_of_word_suffix="</w>"))
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size - 2,  # it counts only those bytes that end a word somewhere: it learns enough, or too many
        initial_alphabet=[*SYMBOLS.values()],
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(captions, trainer)
    found = [(a, b) for a, b in json.loads(learner.to_str())["model"]["merges"]]
    merges = found[: size - 2 - len(_BYTES)]
    tokens = dict.fromkeys([*_BYTES, *(a + b for a, b in merges), START, END])
    vocab = {token: id for id, token in enumerate(tokens)}
    model = tokenizers.models.BPE(vocab, merges, unk_token=END, end_of_word_suffix="</w>")
    whole = _clip_frame(model)
    whole.add_special_tokens([START, END])
    whole.post_processor = tokenizers.processors.RobertaProcessing(
        (END, vocab[END]), (START, vocab[START]), trim_offsets=False, add_prefix_space=False
    )
    names = dict.fromkeys(("eos_token", "pad_token", "unk_token"), END)
    return whole, {"tokenizer_class": "CLIPTokenizer", "bos_token": START, **names}


def _clip_frame(model: "tokenizers.models.Model") -> "tokenizers.Tokenizer":
    from lexel.needs import tokenizers

    made, normalizers, before = tokenizers.Tokenizer(model), tokenizers.normalizers, tokenizers.pre_tokenizers
    spaces = normalizers.Replace(tokenizers.Regex(r"\s+"), " ")
    made.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    words = before.Split(tokenizers.Regex(WORDS), behavior="removed", invert=True)
    made.pre_tokenizer = before.Sequence([words, before.ByteLevel(add_prefix_space=False, use_regex=True)])
    made.decoder = tokenizers.decoders.ByteLevel()
    return made


def _unigrams(captions: Iterable[str], size: int) -> tuple["tokenizers.Tokenizer", dict[str, str]]:
    """Pieces of cleaned captions, the start of each word marked by ▁."""
    from lexel.needs import tokenizers

    made, normalizers = tokenizers.Tokenizer(tokenizers.models.Unigram()), tokenizers.normalizers
    punctuation = tokenizers.Regex(f"[{re.escape(string.punctuation)}]")
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("▁", " "),
            normalizers.Lowercase(),
            normalizers.Replace(punctuation, ""),
            normalizers.Replace(tokenizers.Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    made.decoder = tokenizers.decoders.Metaspace()
    unknown, end = PIECES
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=size, special_tokens=[*PIECES], unk_token=unknown, show_progress=False
    )
    made.train_from_iterator(captions, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, made.token_to_id(end))]
    )
    names = {"eos_token": end, "pad_token": end, "unk_token": unknown}
    return made, {"tokenizer_class": "PreTrainedTokenizerFast", **names}


def _blocks(width: int, depth: int, heads: int, activation: str, eps: float) -> Blocks:
    if width % heads:
        raise BadArguments(f"a width of {width} is no multiple of {heads} heads")
    return Blocks(width, depth, heads, 4 * width, activation, eps)


def _grid(image: ImageSizes) -> int:
    if image.image_size % image.patch_size:
        raise BadArguments(
            f"pictures of {image.image_size} pixels a side are no multiple of patches of {image.patch_size}"
        )
    return image.image_size // image.patch_size


def _tokens(words: Path) -> int:
    """How many ids the tokenizer in a folder has."""
    from lexel.needs import tokenizers

    return 1 + max(tokenizers.Tokenizer.from_str(read_text(words / TOKENIZER)).get_vocab().values())
