"""The tokenizer files beside a checkpoint, read with suspicion: they came from somebody else.

tokenizer.json            the whole tokenizer, added tokens included
tokenizer_config.json     which tokens start, end and fill a text; wins
special_tokens_map.json   the same, in older folders
"""

import json
from pathlib import Path

from lexel.errors import LoadError

TOKENIZER = "tokenizer.json"


def read_text(path: Path) -> str:
    """A regular UTF-8 file. Raises `LoadError` that names it."""
    if not path.is_file():  # a pipe of that name would wait for ever
        raise LoadError("is not there, and holds the words of this model", subject=path.name)
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise LoadError(f"cannot be read: {error.strerror}", subject=path.name) from None
    except UnicodeDecodeError:
        raise LoadError("is not UTF-8", subject=path.name) from None


def read_json(path: Path) -> dict[str, object]:
    """A JSON object. Raises `LoadError` that names the file."""
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError):
        raise LoadError("is not JSON", subject=path.name) from None
    if not isinstance(found, dict):
        raise LoadError("is no JSON object", subject=path.name)
    return found


def named_tokens(folder: Path) -> dict[str, str]:
    """`{"eos_token": "</s>", …}`: the tokens with a part to play, under the names that the files give them."""
    names: dict[str, str] = {}
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        if not (folder / file).is_file():
            continue
        for name, token in read_json(folder / file).items():
            content = token.get("content") if isinstance(token, dict) else token
            if name.endswith("_token") and isinstance(content, str):
                names[name] = content
    return names


def added_tokens(tokenizer: dict[str, object]) -> dict[str, int]:
    """Tokens that a `tokenizer.json` has beside its model: content → id."""
    added = tokenizer.get("added_tokens")
    return {
        token["content"]: token["id"]
        for token in (added if isinstance(added, list) else [])
        if isinstance(token, dict) and isinstance(token.get("content"), str) and isinstance(token.get("id"), int)
    }
