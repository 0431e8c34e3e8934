"""Where a text is wrong, and what was meant: the caret, and the nearest names.

patch(16 | tome(r=98)
     ^ this bracket is never closed
"""

import difflib
import unicodedata
from collections.abc import Collection


def point(text: str, at: int, message: str) -> str:
    """Two lines: the text (the part around character `at` when it is long), and a caret with the message."""
    start = max(0, at - 60) if len(text) > 100 else 0
    end = min(len(text), start + 100)
    shown = "".join(c if c.isprintable() else " " for c in text[start:end])
    before = ("…" if start else "") + shown[: at - start]
    line = ("…" if start else "") + shown + ("…" if end < len(text) else "")
    return f"{line}\n{' ' * sum(map(_columns, before))}^ {message}"


def nearest(name: str, names: Collection[str]) -> str:
    """`did you mean tome or tofu?` with at most three of `names`; "" when none is near."""
    near = difflib.get_close_matches(name, sorted(names), cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""


def _columns(character: str) -> int:
    """How wide a terminal draws it."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
