"""Cleaning: the published rules, and what a text cannot do through them."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import MissingExtra
from lexel.words import clean

ALL = [clean.clip, clean.clip_plain, clean.canonical, clean.siglip, clean.lower]
every_rule = pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__)


@pytest.mark.parametrize(
    ("rule", "text", "cleaned"),
    [
        (clean.clip, "  A  Photo\n\tof &amp;lt;b&amp;gt; ", "a photo of <b>"),
        (clean.clip, "schÃ¶n “so” ﬁne", 'schön "so" fine'),
        (clean.clip, "cat\x00dog \x1b[2J", "catdog"),
        (clean.clip_plain, " &lt;b&gt;\u00a0schÃ¶n e\u0301", "&lt;b&gt; schã¶n é"),
        (clean.clip_plain, "ΟΔΟΣ", "οδοσ"),
        (clean.canonical, "T-shirt_photo &amp; more!", "tshirt photo more"),
        (clean.siglip, " T-shirt_photo,\u2581new!  ", "tshirtphoto new"),
        (clean.lower, " A  Photo! ", " a  photo! "),
    ],
)
def test_a_rule_cleans_as_published(rule: clean.Cleaner, text: str, cleaned: str) -> None:
    assert rule(text) == cleaned


@every_rule
@given(text=st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Zs"])))
def test_what_is_clean_can_be_written_and_stays_lower(rule: clean.Cleaner, text: str) -> None:
    cleaned = rule(text)
    cleaned.encode("utf-8")
    assert cleaned == cleaned.replace("Σ", "σ").lower()


@every_rule
def test_a_lone_surrogate_is_replaced_and_a_pair_joined(rule: clean.Cleaner) -> None:
    assert rule("cat\ud800") == "cat\ufffd"
    assert rule("\ud83d\udc08") == "\U0001f408"


@every_rule
def test_plain_captions_need_no_ftfy(rule: clean.Cleaner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ftfy", None)
    assert rule("A photo, of a dog!").startswith("a photo")


def test_where_ftfy_is_needed_and_absent_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ftfy", None)
    with pytest.raises(MissingExtra, match=r"lexel\[torch\]"):
        clean.clip("schÃ¶n")


def test_space_is_white_space_as_unicode_counts_it() -> None:
    separators = {chr(i) for i in range(0x110000) if unicodedata.category(chr(i)) in {"Zs", "Zl", "Zp"}}
    spaces = {chr(i) for i in range(0x3001) if clean.clip_plain(f"a{chr(i)}b") == "a b"}
    assert spaces == separators | set("\t\n\v\f\r\x85")
