"""CLIP's byte pairs: words to bytes, bytes to tokens, the earliest merge first.

    "tench"   t e n c h·  →  t en c h·  →  t en ch·  →  ten ch·        · marks the end of a word
                           (e n)         (c h·)       (t en)
                           merge 12      merge 122    merge 637  ──►   ids 512 + 637, 512 + 122

Paper      Sennrich et al. 2016, arXiv 1508.07909; Radford et al. 2021, arXiv 2103.00020
Exact      equal ids to the published tokenizer for every text without a control token in it
Fast       a word is spelled once; the next time it is looked up

The published pattern turns `<|endoftext|>` in a text into the token that ends it, and everything behind it is lost.
Here it is text: 27 347 40786 4160 91 285. Letters and numbers are those of this Python's Unicode.
"""

import gzip
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

from lexel.errors import LoadError
from lexel.words import clean as cleaning
from lexel.words.clean import SPACE, Cleaner
from lexel.words.folder import TOKENIZER, added_tokens, named_tokens, read_json, read_text
from lexel.words.value import Spelled, Words, frame

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 77  # the published context
GONE = -1  # where a symbol was joined to the one before it

# A contraction, a run of letters, one digit, or a run of signs: the published pattern without its control tokens.
# `[^\W\d_]` also takes numbers like ² and Ⅷ along; `_letters_and_numbers` puts them apart. `ſ` is an `s` to a pattern
# that ignores case.
WORD = re.compile(rf"'[sſ]|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\w{SPACE}]|_)+")

# One printable character for each byte: itself where it is one, the characters from 256 on for the other 68.
_PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]
SYMBOLS = {byte: chr(byte) for byte in _PRINTABLE} | {byte: chr(256 + n) for n, byte in enumerate(_OTHERS)}


class ClipSpeller:
    """Texts to the ids of CLIP: `speller(["a photo of a cat"]).ids  # 49406 320 1125 539 320 2368 49407`.

    vocab    token → id; a token at the end of a word ends in `</w>`
    merges   pairs of tokens, the earliest first
    clean    what is done to a text before, see `clean.py`
    length   ids of a text at most, start and end included
    start, end, pad, unknown   tokens of `vocab`; `pad` is `end` unless said

    A byte that the vocabulary lacks is `unknown`, or nothing where that is the end token; the published vocabulary
    has all 256. Raises `LoadError` where start, end or a merge is not in the vocabulary.
    """

    def __init__(
        self,
        vocab: Mapping[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        clean: Cleaner = cleaning.clip,
        length: int = LENGTH,
        start: str = START,
        end: str = END,
        pad: str = END,
        unknown: str = END,
    ) -> None:
        try:
            self.start, self.end, self.pad = vocab[start], vocab[end], vocab.get(pad, vocab[end])
            self._ranks = {(vocab[a], vocab[b]): rank for rank, (a, b) in enumerate(merges)}
            self._joined = [vocab[a + b] for a, b in merges]
        except KeyError as error:
            raise LoadError(f"the vocabulary has no token {error.args[0]!r}") from None
        self.length = length
        self._clean = clean
        self._unknown = vocab.get(unknown, self.end)
        self._inside = {byte: vocab.get(symbol, self._unknown) for byte, symbol in SYMBOLS.items()}
        self._last = {byte: vocab.get(symbol + "</w>", self._unknown) for byte, symbol in SYMBOLS.items()}
        self._word = lru_cache(maxsize=1 << 16)(self._spell)  # words come again: a memo that changes no answer

    @classmethod
    def published(cls, *, clean: Cleaner = cleaning.clip, length: int = LENGTH) -> "ClipSpeller":
        """The 49,408 tokens of openai/CLIP and OpenCLIP, from the file beside this one; rows are filled with 0."""
        packed = Path(__file__).with_name("clip_merges.txt.gz")
        lines = gzip.decompress(packed.read_bytes()).decode("utf-8").split("\n")
        merges = [(a, b) for a, _, b in (line.partition(" ") for line in lines)]
        symbols = list(SYMBOLS.values())
        tokens = [*symbols, *(s + "</w>" for s in symbols), *(a + b for a, b in merges), START, END]
        return cls({token: id for id, token in enumerate(tokens)}, merges, clean=clean, length=length, pad=symbols[0])

    @classmethod
    def from_folder(cls, folder: Path, *, clean: Cleaner = cleaning.clip, length: int = LENGTH) -> "ClipSpeller":
        """The tokenizer beside a checkpoint: `tokenizer.json`, or `vocab.json` with `merges.txt`.

        Start, end, pad and unknown are those that `tokenizer_config.json` or `special_tokens_map.json` names. Raises
        `LoadError` that names the file.
        """
        file = TOKENIZER if (folder / TOKENIZER).is_file() else "vocab.json"
        vocab, merges = _files(folder / file)
        names = named_tokens(folder)
        end = names.get("eos_token", END)
        try:
            return cls(
                vocab,
                merges,
                clean=clean,
                length=length,
                start=names.get("bos_token", START),
                end=end,
                pad=names.get("pad_token", end),
                unknown=names.get("unk_token", end),
            )
        except LoadError as error:
            raise error.about(file) from None

    def __call__(self, texts: Sequence[str], *, length: int | None = None) -> Words:
        """Each text between start and end, `length` ids at most (from 2; else the speller's own).

        A longer text loses its end, with one warning for all texts together. Raises `TypeError` for a bare text.
        """
        most = self.length if length is None else length
        return frame(texts, lambda text: self._spelled(text, most), length=most, start=self.start, end=self.end)

    def _spelled(self, text: str, length: int) -> Spelled:
        """The tokens of one text; stops when there are more than `length`."""
        clean = self._clean(text)
        ids: list[int] = []
        starts: list[int] = []
        stops: list[int] = []
        for word in WORD.finditer(clean):
            at = word.start()
            of_word, word_starts, word_stops = self._word(word[0])
            ids += of_word
            starts += [at + start for start in word_starts]
            stops += [at + stop for stop in word_stops]
            if len(ids) > length:
                break
        return Spelled(clean, ids, starts, stops)

    def _spell(self, word: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Ids of one word, and the characters of the word that each stands for."""
        ids: list[int] = []
        starts: list[int] = []
        stops: list[int] = []
        at = 0
        for run in _letters_and_numbers(word):
            encoded = run.encode("utf-8")
            symbols = [self._inside[byte] for byte in encoded[:-1]] + [self._last[encoded[-1]]]
            characters = [at + i for i, character in enumerate(run) for _ in character.encode("utf-8")]
            for id, first, stop in self._merge(symbols):
                if id != self.end:
                    ids.append(id)
                    starts.append(characters[first])
                    stops.append(characters[stop - 1] + 1)
            at += len(run)
        return tuple(ids), tuple(starts), tuple(stops)

    def _merge(self, symbols: list[int]) -> list[tuple[int, int, int]]:
        """Join neighbours, the earliest merge first and from left to right, until no pair is left that may join.

        Gives what is left, each with the places `first:stop` that it was made of. A heap of pairs over a linked list:
        a word of n symbols takes n·log n steps, whatever somebody types.
        """
        ranks, end = self._ranks, len(symbols)
        after, before = list(range(1, end + 1)), list(range(-1, end - 1))
        heap = [(ranks[pair], i, pair) for i, pair in enumerate(pairwise(symbols)) if pair in ranks]
        heapify(heap)
        while heap:
            rank, i, pair = heappop(heap)
            j = after[i]
            if j == end or (symbols[i], symbols[j]) != pair:
                continue  # one of the two was joined with somebody else
            symbols[i], symbols[j] = self._joined[rank], GONE
            after[i] = after[j]
            if after[j] < end:
                before[after[j]] = i
            for left, right in ((before[i], i), (i, after[i])):
                if left >= 0 and right < end and (pair := (symbols[left], symbols[right])) in ranks:
                    heappush(heap, (ranks[pair], left, pair))
        return [(symbol, i, after[i]) for i, symbol in enumerate(symbols) if symbol != GONE]


def _letters_and_numbers(word: str) -> list[str]:
    """`"x²y"` → `["x", "²", "y"]`; nearly every word is one run already."""
    if word.isalpha() or not word[0].isalnum():
        return [word]
    runs: list[str] = []
    for character in word:
        if runs and character.isalpha() and runs[-1].isalpha():
            runs[-1] += character
        else:
            runs.append(character)
    return runs


def _files(path: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a `tokenizer.json`, or of a `vocab.json` and the `merges.txt` beside it."""
    whole = read_json(path)
    if path.name != TOKENIZER:
        merges = path.with_name("merges.txt")
        lines = [line for line in read_text(merges).splitlines() if line and not line.startswith("#version")]
        return _vocab(whole, path.name), [_pair(line, merges.name) for line in lines]
    match whole:
        case {"model": {"type": "BPE", "vocab": dict(vocab), "merges": list(pairs)}}:
            return _vocab({**vocab, **added_tokens(whole)}, TOKENIZER), [_pair(pair, TOKENIZER) for pair in pairs]
    raise LoadError("this is no byte-pair tokenizer: model needs the type BPE, a vocab and merges", subject=TOKENIZER)


def _vocab(found: dict[str, object], file: str) -> dict[str, int]:
    vocab = {token: id for token, id in found.items() if isinstance(id, int) and 0 <= id < 2**31}
    if len(vocab) < len(found):
        raise LoadError("the vocabulary needs tokens with whole numbers from 0 as ids", subject=file)
    return vocab


def _pair(merge: object, file: str) -> tuple[str, str]:
    """`"th e</w>"` or `["th", "e</w>"]`, as old and new files have it."""
    match merge.split(" ") if isinstance(merge, str) else merge:
        case [str(a), str(b)]:
            return a, b
    raise LoadError(f"a merge joins two tokens, got {str(merge)[:40]!r}", subject=file)
