"""Names, options, refusals and the public answer."""

import re

import pytest
from costs.cases import Size, sizes
from hypothesis import given
from hypothesis import strategies as st

from lexel.costs.count import image_tokens, models
from lexel.errors import BadArguments, UnknownModel

side = st.integers(1, 8000)
UNPUBLISHED = {"gpt-5.2", "gpt-5.4", "gpt-5.5", "gpt-5.6"}  # their multiplier is the caller's


def test_a_model_stands_for_its_published_file_and_not_for_the_class() -> None:
    assert int(image_tokens("qwen2.5-vl", height=1080, width=1920)) == 2691
    assert int(image_tokens("qwen2.5-vl", height=1080, width=1920, max_pixels=1_003_520)) == 1222


def test_the_answer_says_its_rule_its_date_and_its_source() -> None:
    answer = image_tokens("qwen2.5-vl", height=1080, width=1920)
    assert "between 3,136 and 12,845,056 pixels" in answer.rule
    assert answer.dated.startswith("transformers ")
    assert answer.source == "preprocessor_config.json on the hub"


def test_the_rule_in_the_answer_has_the_numbers_of_the_caller() -> None:
    assert "1,003,520" in image_tokens("qwen2-vl", height=10, width=10, max_pixels=1_003_520).rule


@pytest.mark.parametrize(
    ("model", "size", "tokens", "visual"),
    [
        ("llava-next", (480, 640), 2340, 2340 - 36),
        ("idefics3", (1080, 1920), 2227, 2197),
        ("internvl3", (1080, 1920), 2306, 2304),
        ("pixtral", (1080, 1920), 36 * 65, 36 * 64),
        ("llama-3.2-vision", (1080, 1920), 1, 4 * 1601),
        ("deepseek-ocr-base", (1080, 1920), 273, 256),
        ("gpt-4o", (1080, 1920), 1105, None),
    ],
)
def test_markers_are_counted_beside_the_features(model: str, size: Size, tokens: int, visual: int | None) -> None:
    answer = image_tokens(model, height=size[0], width=size[1])
    assert (answer.tokens, answer.visual) == (tokens, visual)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("qwen25-vl", "qwen2.5-vl"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl"),
        ("gpt4o", "gpt-4o"),
        ("smolvlm", "smolvlm-256m"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest_names(wrong: str, right: str) -> None:
    with pytest.raises(UnknownModel) as refused:
        image_tokens(wrong, height=10, width=10)
    assert right in refused.value.hint
    assert refused.value.exit == 2


def test_an_unknown_option_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(BadArguments, match=re.escape("qwen2-vl: it has no option 'max_pixel'")) as refused:
        image_tokens("qwen2-vl", height=10, width=10, max_pixel=100)
    assert refused.value.hint == "did you mean max_pixels or min_pixels?"


def test_a_model_without_options_says_so() -> None:
    with pytest.raises(BadArguments) as refused:
        image_tokens("llava-1.5", height=10, width=10, detail="low")
    assert refused.value.hint == "It has none."


def test_a_number_of_the_rule_that_is_no_option_cannot_be_set() -> None:
    with pytest.raises(BadArguments, match="no option 'cell'"):
        image_tokens("qwen2-vl", height=10, width=10, cell=14)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize(
    ("model", "option"),
    [
        ("qwen2-vl", {"max_pixels": 0}),
        ("qwen2-vl", {"min_pixels": 2.5}),
        ("internvl3", {"min_patches": 13}),
        ("internvl3", {"max_patches": True}),
        ("idefics3", {"longest_edge": 1000}),
        ("idefics2", {"split": 1}),
        ("pixtral", {"longest_edge": -1}),
        ("gemma-4", {"max_soft_tokens": 300}),
        ("llama-4", {"max_patches": "16"}),
        ("deepseek-ocr-gundam", {"max_crops": 1}),
        ("gpt-4o", {"detail": "medium"}),
        ("gpt-5-mini", {"detail": "low"}),
        ("gpt-5-mini", {"multiplier": 0}),
        ("gemini-2.5", {"media_resolution": "ultra_high"}),
        ("gemini-3", {"media_resolution": "tiny"}),
    ],
)
def test_an_option_of_another_type_or_range_is_refused(model: str, option: dict[str, int]) -> None:
    with pytest.raises(BadArguments, match=f"^{re.escape(model)}: "):
        image_tokens(model, height=500, width=500, **option)


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("sizes", [{"height": 0}, {"width": -1}, {"height": 1.5}, {"width": True}, {"frames": 0}])
def test_a_size_is_whole_and_at_least_one(sizes: dict[str, int]) -> None:
    with pytest.raises(BadArguments, match="whole number of 1 or more"):
        image_tokens("llava-1.5", **({"height": 10, "width": 10} | sizes))


@pytest.mark.parametrize("model", ["llava-1.5", "qwen3-vl", "gpt-4o", "internvl3"])
def test_a_rule_of_single_pictures_refuses_a_video(model: str) -> None:
    with pytest.raises(BadArguments, match="frames is 1"):
        image_tokens(model, height=100, width=100, frames=2)


def test_a_ratio_that_the_model_refuses_is_said_with_its_limit() -> None:
    with pytest.raises(BadArguments, match="qwen2-vl: one side may be 200 times the other, not 1 × 201"):
        image_tokens("qwen2-vl", height=1, width=201)


def test_models_are_listed_by_name_and_each_can_be_asked() -> None:
    names = [model.name for model in models()]
    assert names == sorted(set(names))
    assert all(re.fullmatch(r"[a-z0-9.]+(-[a-z0-9.]+)*", name) for name in names)
    for name in names:
        options = {"multiplier": 1.0} if name in UNPUBLISHED else {}
        assert int(image_tokens(name, height=1080, width=1920, **options)) >= 1


@given(st.sampled_from([model.name for model in models() if model.name not in UNPUBLISHED]), side, side)
def test_an_answer_is_at_least_one_token_and_no_less_than_what_it_shows(model: str, height: int, width: int) -> None:
    try:
        answer = image_tokens(model, height=height, width=width)
    except BadArguments:
        return
    assert answer.tokens >= 1
    assert answer.visual is None or model == "llama-3.2-vision" or answer.visual <= answer.tokens


def test_the_seeded_sizes_hold_single_pixels_and_slivers() -> None:
    drawn = sizes(300)
    assert len(drawn) == 300
    assert sum(min(size) == 1 for size in drawn) >= 20
    assert sum(max(size) > 50 * min(size) for size in drawn) >= 40
