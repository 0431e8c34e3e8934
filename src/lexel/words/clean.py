"""What is done to a text before it is spelled. Each model was trained with one of these, and hears best through it.

    clip        repair · unescape HTML twice · spaces · lower        openai/CLIP, OpenCLIP
    clip_plain  NFC · spaces · lower                                 CLIPTokenizer of transformers
    canonical   as clip, `_` to space, no ASCII punctuation          OpenCLIP's SigLIP (after big_vision)
    siglip      lower · no ASCII punctuation · spaces                SiglipTokenizer of transformers
    lower       lower                                                Siglip2Tokenizer of transformers

*Repair* is `ftfy.fix_text`: mojibake, ligatures, curly quotes, widths, control characters. All five replace a lone
surrogate by U+FFFD. None of them knows a control token: `<|endoftext|>` is thirteen characters like any others.
"""

import html
import re
import string
import unicodedata
from collections.abc import Callable

Cleaner = Callable[[str], str]

# White space as Unicode counts it. Python's `\s` also has U+001C–U+001F, which the published patterns do not.
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

_spaces = re.compile(f"[{SPACE}]+")
_no_punctuation = str.maketrans("", "", string.punctuation)


def clip(text: str) -> str:
    """`"SchÃ¶n &amp;amp; gut"` → `"schön & gut"`. Raises `MissingExtra` where ftfy is needed and absent."""
    return _one_space(_repair(text)).lower()


def clip_plain(text: str) -> str:
    """`"A  Photo"` → `"a photo"`; mojibake and HTML stay. A capital sigma is lowered without regard to its place."""
    return _one_space(unicodedata.normalize("NFC", _whole(text))).replace("Σ", "σ").lower()


def canonical(text: str) -> str:
    """`"T-shirt_photo &amp; more!"` → `"tshirt photo more"`. Raises `MissingExtra` as `clip` does."""
    return _one_space(_repair(text).replace("_", " ").translate(_no_punctuation).lower())


def siglip(text: str) -> str:
    """`"T-shirt_photo, new!"` → `"tshirtphoto new"`."""
    return _one_space(_whole(text).replace("\u2581", " ").lower().translate(_no_punctuation))


def lower(text: str) -> str:
    """`"A  Photo!"` → `"a  photo!"`."""
    return _whole(text).replace("Σ", "σ").lower()


def _repair(text: str) -> str:
    """Mojibake and HTML undone. Printable ASCII without an ampersand has neither, and does not wait for ftfy."""
    if text.isascii() and text.isprintable() and "&" not in text:
        return text
    from lexel.needs import ftfy

    fixed: str = ftfy.fix_text(text)
    return _whole(html.unescape(html.unescape(fixed)))


def _one_space(text: str) -> str:
    return _spaces.sub(" ", text).strip(" ")


def _whole(text: str) -> str:
    """Surrogate pairs joined, lone surrogates replaced: what is left can be written as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
