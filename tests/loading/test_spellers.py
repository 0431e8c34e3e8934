"""The words of a checkpoint are cleaned as its own files say."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from lexel.errors import LoadError
from lexel.loading.files import Checkpoint
from lexel.loading.spellers import openclip_clip_words, openclip_piece_words, piece_words
from lexel.words import clean


@pytest.fixture
def folder(tmp_path):
    """One piece a letter, and nothing done to a text before."""
    letters = {letter: id for id, letter in enumerate(["</s>", *"abcdefghijklmnopqrstuvwxyz", "'", "-", "_", " "])}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def said(folder, cleaner):
    config = {"model_cfg": {"text_cfg": {"tokenizer_kwargs": {"clean": cleaner}}}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))


CAPTION = "A T-shirt_PHOTO, isn't it?"


def test_openclip_cleans_as_its_settings_say(folder):
    checkpoint = Checkpoint(folder, "./tiny")
    assert openclip_piece_words(checkpoint, 64)([CAPTION]).texts == (clean.canonical(CAPTION),)
    said(folder, "lower")
    assert openclip_piece_words(checkpoint, 64)([CAPTION]).texts == (clean.clip(CAPTION),)
    assert piece_words(checkpoint, 64)([CAPTION]).texts == (clean.lower(CAPTION),)


def test_a_way_of_cleaning_that_openclip_does_not_have_is_refused(folder):
    said(folder, "boil")
    with pytest.raises(LoadError, match=r"\./tiny/open_clip_config\.json: clean is 'boil', expected canonicalize or"):
        openclip_piece_words(Checkpoint(folder, "./tiny"), 64)


def test_openclip_reads_the_words_beside_it_only_where_its_settings_name_them(tmp_path):
    signs = [*(chr(at) for at in range(ord("a"), ord("z") + 1)), "</w>"]
    vocab = {token: id for id, token in enumerate([*signs, *(f"{sign}</w>" for sign in signs), "<s>", "</s>"])}
    model = {"type": "BPE", "vocab": vocab, "merges": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": model}))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}))
    config = {"model_cfg": {"text_cfg": {}}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    published = openclip_clip_words(Checkpoint(tmp_path, "./tiny"), 16)
    assert published(["cat"]).ids.tolist() == [49406, 2368, 49407]
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "org/name"
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    own = openclip_clip_words(Checkpoint(tmp_path, "./tiny"), 16)
    assert own(["Cat"]).ids.tolist() == [vocab[token] for token in ("<s>", "c", "a", "t</w>", "</s>")]
    assert own(["cat &amp; cat"]).texts == ("cat & cat",)
