"""The model card: what was learned from what, how well, and what nobody should expect of it.

    mymodel.toml ─┐
    log.jsonl ────┼─► README.md     a head that the hub reads, then for people: use, data, results, limits, settings
    the run ──────┘

Nothing in it names this machine: of the data it gives a digest and the licence that its owner states, never the path.
"""

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lexel.drawing.terminal import duration
from lexel.training.log import History
from lexel.training.numbers import RECALL, amount, called
from lexel.training.rates import Rate
from lexel.training.recipes import PATHS, template
from lexel.training.sections import Config, Contrastive, Finetune, Masked, Tokenizer

HERE = "./model"  # how a card calls its model before it is published
HIDDEN = ("task", "data", "card")  # parts of the settings that are said elsewhere, or are the owner's business

USE = {
    "dual": """\
clip = lexel.load("./model")
clip.similarity(lexel.read("photos/"), ["a dog", "a cat"])  # cosines
clip.zero_shot(["dog", "cat"], templates=["{}"])(lexel.read("photos/"))""",
    "mae": """\
mae = lexel.load("./model")
mae.tokenize(lexel.read("photos/"))  # a vector for each patch""",
    "tokenizer": """\
vocabulary = lexel.load("./model")
tokens = vocabulary.tokenize(lexel.read("photos/"))  # a code or a vector for each cell
vocabulary.detokenize(tokens)  # pictures again""",
}
KINDS = {  # what a run makes: which of these, what the hub calls it, what it learns from
    "tokenizer": ("tokenizer", "image-to-image", "pictures"),
    "mae": ("mae", "image-feature-extraction", "pictures"),
}
DUAL = ("dual", "zero-shot-image-classification", "pairs of picture and caption")


@dataclass(frozen=True)
class Facts:
    """What no setting says.

    name         as people call it
    parameters   of the model
    trained      samples that were trained on
    held_out     samples that were not
    digest       of their names and captions
    steps        updates that were made; planned, that were to be
    machine      such as "NVIDIA H200", "4 threads of a processor"
    versions     of what computed, by name
    beside       a vocabulary and what it is compared with, itself first
    """

    name: str
    parameters: int
    trained: int
    held_out: int
    digest: str
    steps: int
    planned: int
    machine: str
    versions: Mapping[str, str]
    beside: Sequence[Rate] = ()


def card(config: Config, facts: Facts, history: History) -> str:
    """The text of README.md."""
    kind = KINDS.get(config.task, DUAL)[0]
    elsewhere = "" if isinstance(config, Tokenizer) else "\n\nAlso loads in transformers."
    parts = [
        _head(config),
        f"# {facts.name}",
        config.card.description or _sentence(config, facts),
        f"## Use\n\n```python\nimport lexel\n\n{USE[kind]}\n```{elsewhere}",
        f"## Data\n\n{_data(config, facts)}",
        f"## Results\n\n{_results(facts, history)}",
        f"## Limits\n\n{_limits(config, facts, history)}",
        f"## Training\n\n{_training(facts, history)}\n\n```toml\n{_settings(config)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def published(text: str, name: str) -> str:
    """The card of a model that is called `name` on the hub."""
    return text.replace(json.dumps(HERE), json.dumps(name))


def _head(config: Config) -> str:
    """What the hub reads: YAML, whose strings are JSON's."""
    lines = {
        "license": config.card.licence or "unknown",
        "library_name": "lexel",
        "pipeline_tag": KINDS.get(config.task, DUAL)[1],
    }
    if isinstance(config, Finetune) and "/" in config.model.start and not config.model.start.startswith(PATHS):
        lines["base_model"] = config.model.start
    said = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in lines.items())
    return f"---\n{said}\ntags: [lexel, {config.task}]\n---"


def _sentence(config: Config, facts: Facts) -> str:
    """What it is, where its owner has not said it."""
    millions = f"{facts.parameters / 1e6:,.1f} million parameters"
    if isinstance(config, Contrastive):
        loss = {"clip": "CLIP", "siglip": "SigLIP"}[config.task]
        return f"Pictures and words in one space: {millions}, learned from scratch with the loss of {loss}."
    if isinstance(config, Masked):
        return f"A masked autoencoder: {millions}, learned from pictures alone."
    if isinstance(config, Tokenizer):
        said = config.model
        cell = f"a code of {said.quantizer}" if said.kind == "vqvae" else f"{said.channels} numbers"
        return f"A visual vocabulary: {cell} for each {said.down} × {said.down} pixels, and back. {millions}."
    return f"{_model(config.model.start)}, which has learned more: {millions}."


def _data(config: Config, facts: Facts) -> str:
    noun = KINDS.get(config.task, DUAL)[2]
    licence = config.data.licence.strip()
    rows = [
        ("trained on", f"{facts.trained:,} {noun}"),
        ("held out", f"{facts.held_out:,}"),
        ("licence", "not stated" if licence in ("", "unknown") else licence),
        ("digest of names and captions", f"`{facts.digest}`"),
    ]
    table = _table(("", ""), rows)
    return f"{config.data.description.strip()}\n\n{table}" if config.data.description.strip() else table


def _results(facts: Facts, history: History) -> str:
    if not history.measures:
        return "Nothing was held out, so nothing is known of how well it does."
    columns = dict([history.measures[0], history.measures[-1]])
    names = list(history.measures[-1][1])
    heads = ("", *(f"after {step:,} steps" if step else "before" for step in columns))
    rows = [(called(one), *(amount(one, at[one]) for at in columns.values())) for one in names]
    chance = ""
    if any(RECALL.fullmatch(one) for one in names):
        chance = f" A guess finds the right picture first in {100 / facts.held_out:.2g} % of the cases."
    told = f"Measured on {facts.held_out:,} samples that were never trained on.{chance}\n\n{_table(heads, rows)}"
    return f"{told}\n\n{_beside(facts.beside)}" if facts.beside else told


def _beside(rates: Sequence[Rate]) -> str:
    """A vocabulary beside codecs and blocks."""
    rows = [
        (
            one.way,
            "—" if one.bits_per_pixel is None else f"{one.bits_per_pixel:.3f}",
            f"{one.psnr:.2f} dB",
            f"{one.ssim:.3f}",
        )
        for one in rates
    ]
    said = "The same pictures, as large as they are tokenized."
    if rates[0].bits_per_pixel is not None:
        said += (
            " Codes have a fixed length, and nothing codes their entropy; files are counted without headers, and have "
            "no more bits than the codes, or at the lowest quality as few as can be."
        )
    return f"{said}\n\n{_table(('', 'bits a pixel', 'PSNR', 'SSIM'), rows)}"


def _limits(config: Config, facts: Facts, history: History) -> str:
    said = [
        f"It knows what {facts.trained:,} samples show. On other kinds of pictures"
        f"{'' if KINDS.get(config.task) else ' and words'} it does worse than the table says: what was held out "
        "comes from the same source as what was trained on.",
        "Nothing was filtered. What its data shows and says of people, good or bad, it has learned.",
        "What comes back looks like the picture and is not it: small text and faces are made up of what it has learned."
        if isinstance(config, Tokenizer)
        else "Cosines are no probabilities, and none of its numbers is a reason to decide about a person.",
    ]
    if facts.steps < facts.planned:
        said.append(f"Training ended after {facts.steps:,} of {facts.planned:,} steps.")
    said += [f"At step {step:,} of the training was noticed: {what}. {why}" for step, what, why in history.failures]
    return "\n".join(f"- {one}" for one in said)


def _training(facts: Facts, history: History) -> str:
    seconds = history.numbers[-1].get("seconds", 0.0) if history.numbers else 0.0
    used = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    return f"{facts.steps:,} steps in {duration(seconds)} on {facts.machine}, with {used}."


def _settings(config: Config) -> str:
    """The file that was run, without its comments and without what is only its owner's business."""
    said, lines = config.model_dump(), [f"task = {json.dumps(config.task)}"]
    for name, table in tomllib.loads(template(config.task)).items():  # in its order
        if name not in HIDDEN:
            values = {key: PUBLIC.get(key, _same)(said[name][key]) for key in table}
            lines += ["", f"[{name}]", *(f"{key} = {json.dumps(values[key], ensure_ascii=False)}" for key in table)]
    return "\n".join(lines)


def _model(name: str) -> str:
    """A model's public name; of a path its last part."""
    return Path(name).name if name.startswith(PATHS) else name


def _same(value: object) -> object:
    return value


# Settings that may name a path of this machine, and what of it anybody may read.
PUBLIC: dict[str, Callable[[str], object]] = {
    "start": _model,
    "trunk": lambda path: Path(path).name,
    "lin": lambda path: Path(path).name,
}


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table of Markdown; what people wrote stays in its cell."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(
        f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |" for row in lines
    )
