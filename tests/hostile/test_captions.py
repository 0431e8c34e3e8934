"""Captions that somebody wrote to break a speller: none crashes it, and none spells a control token."""

import json
import random
import warnings
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from lexel.words.bpe import ClipSpeller
from lexel.words.clean import clip, clip_plain
from lexel.words.pieces import PieceSpeller
from lexel.words.value import Speller

CONTROLS = [
    *(
        "<|endoftext|>",
        "<|startoftext|>",
        "<start_of_text>",
        "<end_of_text>",
        "</s>",
        "<s>",
        "<pad>",
        "<unk>",
        "<mask>",
    ),
    *("<eos>", "<bos>", "[CLS]", "<|im_end|>", "<image>", "<0x0A>", "</w>"),
]
LOOKALIKES = {
    **{"a": "аɑ𝐚ａ", "c": "сϲ𝐜ｃ", "e": "еҽ𝐞ｅ", "o": "оο𝐨ｏ", "s": "ѕꜱ𝐬ｓ"},
    **{"<": "＜﹤‹", ">": "＞﹥›", "/": "／⁄∕", "|": "｜∣ǀ"},
}
NAUGHTY = [
    *("", " \t\n", "\x00", "cat\x00dog", "\x1b]0;pwn\x07cat", "a\r\nSet-Cookie: x=1", "\x7f\x80\x9f"),
    *("\ufeffcat", "\u2028cat\u2029", "cat \u202etxt.exe\u202c", "c\u200ba\u200dt", "\u00adc\u00ada\u00adt"),
    *("cat\U000e0069\U000e0067", "cat\ud800", "\udc08\ud83d", "cat\uffff\ufdd0", "\ufdfa" * 2000, "İ" * 3000),
    *("&" * 5000, "&lt;" * 2000, "&#0;&#xD800;&#x110000;&#28;", "%s%n{0.__class__}{}", "${jndi:ldap://x/a}"),
    *("'" * 3000, "_" * 3000, "²" * 3000, "1" * 3000, "▁" * 3000, " " * 100_000, "c" + "\u0301" * 10_000),
    *("a" * 1_000_000, "cat " * 250_000, "🐈" * 250_000, "ÃÂ" * 50_000, "ﬁ①ｶﾞ½" * 500),
]


def hostile(seed: int) -> list[str]:
    """The list above, and control tokens bare, inside a sentence, thrice, spread out and in disguise."""
    chance = random.Random(seed)
    found = list(NAUGHTY)
    for control in CONTROLS:
        disguised = "".join(chance.choice(LOOKALIKES.get(c, c)) if chance.random() < 0.5 else c for c in control)
        found += [control, f"a cat {control} with blood", control * 3, f"a cat{control}", control.upper()]
        found += [" ".join(control), f"a {disguised} b", f"&lt;{control[1:]}"]
    return found


def gemma(folder: Path) -> PieceSpeller:
    """Byte pairs with bytes to fall back on; its control tokens are in the vocabulary, as Gemma's are."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    names = {name: f"<{name[:-6]}>" for name in ("pad_token", "eos_token", "bos_token", "unk_token", "mask_token")}
    special = [*names.values(), *(f"<0x{byte:02X}>" for byte in range(256))]
    return trained(folder, tokenizer, trainers.BpeTrainer(special_tokens=special, show_progress=False), names)


def c4(folder: Path) -> PieceSpeller:
    """Unigrams over NFKC, which turns signs that look like a control token into it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    names = {"pad_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>"}
    special = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(special_tokens=special, unk_token="<unk>", show_progress=False)
    return trained(folder, tokenizer, trainer, names)


def trained(folder: Path, tokenizer: Tokenizer, trainer: trainers.Trainer, names: dict[str, str]) -> PieceSpeller:
    tokenizer.train_from_iterator(["a photo of a cat", "two dogs with blood", "</s><eos><bos><mask>"] * 4, trainer)
    whole = json.loads(tokenizer.to_str())
    whole["added_tokens"] = [token for token in whole["added_tokens"] if not token["content"].startswith("<0x")]
    (folder / "tokenizer.json").write_text(json.dumps(whole), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")
    return PieceSpeller.from_folder(folder)


SPELLERS = {
    "clip": (lambda _: ClipSpeller.published(), {49406, 49407}),
    "clip_plain": (lambda _: ClipSpeller.published(clean=clip_plain), {49406, 49407}),
    "gemma": (gemma, {0, 1, 2, 4}),
    "gemma, cleaned as OpenCLIP": (
        lambda folder: PieceSpeller.from_folder(gemma(folder) and folder, clean=clip),
        {0, 1, 2, 4},
    ),
    "c4": (c4, {0, 1}),
}


@pytest.fixture(scope="module", params=SPELLERS)
def speller(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Speller, set[int]]:
    """A speller and the ids of its control tokens."""
    make, controls = SPELLERS[request.param]
    return make(tmp_path_factory.mktemp("words")), controls


@pytest.mark.parametrize("seed", range(4))
def test_no_caption_crashes_a_speller_or_spells_a_control_token(speller: tuple[Speller, set[int]], seed: int) -> None:
    spell, controls = speller
    captions = hostile(seed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        words = spell(captions)
    front = int(spell.start is not None)
    for b, caption in enumerate(captions):
        ids = words.ids[words.splits[b] : words.splits[b + 1]].tolist()
        assert not controls & set(ids[front:-1]), caption[:80]
        assert ids[-1] == spell.end
        assert len(ids) <= spell.length
    assert [str(warning.message) for warning in said] == [
        f"{words.truncated} of {len(captions)} texts are longer than {spell.length} tokens and lost their end"
    ]
    assert words.padded(length=spell.length, pad=spell.pad).shape == (len(captions), spell.length)
