"""The card says what was learned from what and how well, and nothing of the machine it was written on."""

import json
import re
import tomllib

import pytest

from lexel.training.card import Facts, card, published
from lexel.training.config import read
from lexel.training.log import History
from lexel.training.recipes import TASKS, new

FACTS = Facts(
    name="birds",
    parameters=12_345_678,
    trained=950,
    held_out=50,
    digest="c0ffee",
    steps=100,
    planned=100,
    machine="4 threads of a processor",
    versions={"lexel": "0.1.0", "torch": "2.13.0"},
)
MEASURES = [(0, {"image_retrieval_recall@1": 0.02}), (100, {"image_retrieval_recall@1": 0.3124})]
HISTORY = History(numbers=[{"step": 100.0, "loss": 1.0, "seconds": 125.0}], measures=MEASURES)


@pytest.fixture
def config(tmp_path):
    """The template of a task with some texts put for others."""

    def made(task="clip", **texts):
        path = tmp_path / task / f"{task}.toml"
        path.unlink(missing_ok=True)
        new(task, path.parent, source=str(tmp_path / "private" / "photos"))
        text = path.read_text(encoding="utf-8")
        for before, after in texts.items():
            text = re.sub(rf"^{before} = [^#\n]*", f"{before} = {json.dumps(after)} ", text, flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")
        return read(path)

    return made


@pytest.mark.parametrize("task", TASKS)
def test_a_card_holds_the_settings_and_no_path(task, config, tmp_path):
    said = card(config(task), FACTS, HISTORY)
    settings = tomllib.loads((tmp_path / task / f"{task}.toml").read_text(encoding="utf-8"))
    del settings["data"], settings["card"]
    assert tomllib.loads(re.search(r"```toml\n(.*?)```", said, re.DOTALL)[1]) == settings
    assert "private" not in said
    assert str(tmp_path) not in said


def test_the_head_is_what_the_hub_reads(config):
    head = card(config(licence="cc-by-4.0"), FACTS, HISTORY).split("---\n")[1]
    lines = dict(line.split(": ", 1) for line in head.splitlines())
    assert json.loads(lines["license"]) == "cc-by-4.0"
    assert json.loads(lines["pipeline_tag"]) == "zero-shot-image-classification"
    assert lines["tags"] == "[lexel, clip]"


def test_results_are_before_and_after_beside_a_guess(config):
    said = card(config(), FACTS, HISTORY)
    assert "| R@1 text → picture | 2.0 % | 31.2 % |" in said
    assert "A guess finds the right picture first in 2 % of the cases." in said
    assert "100 steps in 2 min 5 s on 4 threads of a processor, with lexel 0.1.0, torch 2.13.0." in said
    assert "nothing is known" in card(config(), FACTS, History())


def test_limits_are_those_of_the_data_and_what_was_noticed(config):
    history = History(HISTORY.numbers, HISTORY.measures, [(40, "collapse", "All texts have become one vector.")])
    said = card(config(), FACTS, history)
    assert "- It knows what 950 samples show." in said
    assert "- At step 40 of the training was noticed: collapse. All texts" in said


def test_what_nobody_stated_is_said_not_to_be(config):
    assert "| licence | not stated |" in card(config(), FACTS, HISTORY)
    assert "| licence | CC BY \\| mine |" in card(config(licence="CC BY | mine"), FACTS, HISTORY)


def test_a_local_model_that_was_started_from_is_called_by_its_last_name(config):
    said = card(config("finetune", start="./../private/mine"), FACTS, HISTORY)
    assert "mine, which has learned more" in said
    assert "private" not in said
    assert "base_model" not in said
    assert 'base_model: "openai/clip-vit-base-patch32"' in card(config("finetune"), FACTS, HISTORY)


def test_a_published_card_calls_the_model_by_its_name(config):
    said = card(config(), FACTS, HISTORY)
    assert 'lexel.load("./model")' in said
    assert 'lexel.load("org/birds")' in published(said, "org/birds")
