"""Models as stages: their names, the arguments of their `tokenize`, and selectors inside them."""

import pytest
from loading.references import WHOLE, noisy, saved

import lexel
from lexel import box
from lexel.errors import BadArguments, LoadError, Offline, UnknownName
from lexel.pipelines.compose import pipeline
from lexel.reducers.tome import ToMe


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(noisy(WHOLE["clip"]()), tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def photo():
    return list(lexel.read([box.path("chelsea"), box.path("text")]))


def test_a_folder_is_a_stage(folder, photo):
    tokens = pipeline(str(folder))(photo)
    assert tokens.counts.tolist() == [5, 5]
    assert tokens.equals(lexel.load(folder).tokenize(photo))
    assert str(pipeline(str(folder))) == str(folder)


def test_arguments_of_a_model_are_those_of_its_tokenize(folder, photo):
    text = f"{folder}(space='shared')"
    shared = pipeline(text)
    assert str(shared) == text
    assert shared(photo).equals(lexel.load(folder).tokenize(photo, space="shared"))
    assert shared.tokenizer.space == shared(photo).space != lexel.load(folder).space


def test_a_selector_stands_inside_and_behind(folder, photo):
    text = f"{folder}[tome(r=1)] | tome(r=1)"
    tokens = pipeline(text)(photo)
    assert tokens.counts.tolist() == [2, 2]
    assert tokens.equals(pipeline(lexel.load(folder).inside(ToMe(r=1)), ToMe(r=1))(photo))
    assert str(pipeline(text)) == text


def test_arguments_and_a_selector_inside_go_together(folder, photo):
    text = f"{folder}(space='shared')[0: tome(r=1)]"
    assert str(pipeline(text)) == text
    assert pipeline(text)(photo).counts.tolist() == [4, 4]


def test_a_wrong_argument_is_pointed_at(folder):
    with pytest.raises(BadArguments, match="has no argument spice"):
        pipeline(f"{folder}(spice='shared')")


def test_a_name_of_the_hub_that_is_not_here_is_offline():
    with pytest.raises(Offline, match="openai/clip-vit-base-patch16 is not on this machine"):
        pipeline("openai/clip-vit-base-patch16 | tome(r=1)")


def test_a_folder_that_is_not_there_is_said():
    with pytest.raises(LoadError, match=r"\./nothing: is not there"):
        pipeline("./nothing")


def test_a_prefix_that_nobody_knows_is_said():
    with pytest.raises(UnknownName, match="names no model"):
        pipeline("oldclip:ViT-B-32/openai")


def test_layers_that_are_not_there_are_said(folder):
    with pytest.raises(BadArguments, match="no layer 7"):
        pipeline(f"{folder}[7: tome(r=1)]")
