"""Models as stages: their names, the arguments of their `tokenize`, and selectors inside them."""

import pytest
from loading.references import TOWERS, WHOLE, noisy, saved

import lexel
from lexel import box
from lexel.errors import BadArguments, LoadError, Offline, PipelineError, UnknownName
from lexel.measures.trial import tried
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


def test_the_size_of_patches_is_an_argument_of_a_model(folder, photo):
    text = f"{folder}(patch_size=7)"
    flexible = pipeline(text)
    assert str(flexible) == text
    assert flexible(photo).counts.tolist() == [17, 17]
    assert flexible(photo).equals(lexel.load(folder).with_patch_size(7).tokenize(photo))
    assert flexible.tokenizer.space != lexel.load(folder).space


def test_the_size_of_patches_goes_with_other_arguments_and_a_selector_inside(folder, photo):
    text = f"{folder}(patch_size=7, space='shared')[0: tome(r=1)]"
    assert str(pipeline(text)) == text
    assert pipeline(text)(photo).counts.tolist() == [16, 16]
    model = lexel.load(folder).inside(ToMe(r=1), layers=(0,)).with_patch_size(7)
    assert str(pipeline(model)) == f"{folder}(patch_size=7)[0: tome(r=1)]"
    assert pipeline(text)(photo).equals(model.tokenize(photo, space="shared"))


@pytest.mark.parametrize("size", ["0", "29", "7.0", "True", "'7'"])
def test_a_size_that_no_patch_has_is_refused(size, folder):
    with pytest.raises(BadArguments, match=r"patch"):
        pipeline(f"{folder}(patch_size={size})")


def test_patches_are_resized_once(folder):
    with pytest.raises(BadArguments, match=r"patch_size=7\) has patches that were resized"):
        lexel.load(folder).with_patch_size(7).with_patch_size(14)


def test_a_mask_is_an_argument_of_a_model_and_its_tokens_are_painted(tmp_path, photo):
    folder = saved(noisy(TOWERS["mae"]()), tmp_path)
    masked = pipeline(f"{folder}(mask_ratio=0.75, seed=3)")
    tokens = masked(photo)
    assert tokens.counts.tolist() == [2, 2]
    assert [picture.name for picture in masked.detokenize(tokens)] == [picture.name for picture in photo]
    assert tried(f"{folder}(mask_ratio=0.75)", photo[0], 1).mse > 0
    assert tried(f"{folder}[tome(r=1)]", photo[0], 1).mse is None
    with pytest.raises(PipelineError, match="cannot be undone"):
        pipeline(f"{saved(noisy(TOWERS['vit']()), tmp_path / 'vit')}").detokenize(tokens)


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
