"""A SentencePiece model file as the text of a `tokenizer.json`, for folders that have nothing else.

    model        1: piece *      1: text   2: score (four bytes)   3: kind (3 is a control token)
                 2: trainer      3: method (1 unigrams, 2 byte pairs)   35: byte fallback   40: id of the unknown
                 3: normaliser   2: compiled table   4: drop needless white space (unless 0)

The file is a protocol buffer: fields one after the other, each its number and a wire type (0 a number, 1 eight
bytes, 2 bytes with their length before, 5 four bytes). Eight fields matter here: no package is needed for that.
"""

import base64
import json
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from lexel.errors import LoadError

UNIGRAMS, CONTROL = 1, 3


def tokenizer_of(path: Path) -> str:
    """The `tokenizer.json` that cuts as the model file does. Raises `LoadError` that names it.

    Only unigram models, such as SigLIP's: byte pairs need merges, which the file does not hold.
    """
    try:
        model = Message.of(path.read_bytes())
        pieces = [Message.of(piece) for piece in model.blocks[1]]
        trainer, normalizer = (Message.of(b"".join(model.blocks[number][-1:])) for number in (2, 3))
        texts = [piece.blocks[1][-1].decode("utf-8") for piece in pieces]
        scores = [struct.unpack("<f", piece.blocks[2][-1])[0] for piece in pieces]
        normalizers = _normalizers(normalizer)
    except (IndexError, KeyError, ValueError, struct.error):
        raise LoadError("is no SentencePiece model", subject=path.name) from None
    except OSError as error:
        raise LoadError(f"cannot be read: {error.strerror}", subject=path.name) from None
    if trainer.numbers.get(3, UNIGRAMS) != UNIGRAMS:
        raise LoadError("holds no unigrams: the folder needs a tokenizer.json", subject=path.name)
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [
                _control(id, text)
                for id, (text, piece) in enumerate(zip(texts, pieces, strict=True))
                if piece.numbers.get(3) == CONTROL
            ],
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "model": {
                "type": "Unigram",
                "unk_id": trainer.numbers.get(40, 0),
                "vocab": list(zip(texts, scores, strict=True)),
                "byte_fallback": bool(trainer.numbers.get(35)),
            },
        }
    )


def _control(id: int, text: str) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id, "content": text, "special": True, **flags}


def _normalizers(found: "Message") -> list[dict[str, object]]:
    """The compiled table (NFKC and more), then one space where there were several."""
    steps: list[dict[str, object]] = []
    if table := b"".join(found.blocks[2][-1:]):
        size = struct.unpack_from("<I", table)[0]  # of a search tree; the texts that it points into follow
        if size > len(table) - 4:
            raise ValueError("cut")
        table[4 + size :].decode("utf-8")
        steps.append({"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode("ascii")})
    if found.numbers.get(4, 1):
        steps.append({"type": "Strip", "strip_left": True, "strip_right": True})
        steps.append({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "})
    return steps


@dataclass(frozen=True)
class Message:
    """The fields of one message by their number.

    numbers   the last value of each field of wire type 0
    blocks    every value of the fields with bytes
    """

    numbers: dict[int, int] = field(default_factory=dict)
    blocks: defaultdict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, data: bytes) -> "Message":
        """Raises `IndexError`, `KeyError` or `ValueError` for what is cut or no message."""
        message, at = cls(), 0
        while at < len(data):
            key, at = _number(data, at)
            number, wire = key >> 3, key & 7
            if wire == 0:
                message.numbers[number], at = _number(data, at)
                continue
            size, at = _number(data, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
            if at + size > len(data):
                raise ValueError("cut")
            message.blocks[number].append(data[at : at + size])
            at += size
        return message


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for place in range(10):
        byte = data[at + place]
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise ValueError("no number is that long")
