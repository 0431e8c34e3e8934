"""The open models against the processors of `transformers`, built from the published numbers."""

import pytest
from costs.cases import ours, sizes
from costs.oracles import idefics2, internvl, modelled, onevision, qwen, qwen_video, tokens_of

from lexel.costs.count import image_tokens
from lexel.costs.open import OPEN

SIZES = sizes(300)


def test_every_open_model_has_a_processor_to_compare_with() -> None:
    assert modelled() == sorted(model.name for model in OPEN)


@pytest.mark.parametrize("model", modelled())
def test_a_model_counts_and_refuses_as_its_processor_does(model: str) -> None:
    theirs = tokens_of(model)(SIZES)
    assert [(size, ours(model, size)) for size in SIZES] == list(zip(SIZES, theirs, strict=True))


def test_options_mean_what_they_mean_to_the_processor() -> None:
    limited = qwen(14, 3_136, 1_003_520, "qwen2_vl", "Qwen2VLProcessor")(SIZES)
    assert [ours("qwen2-vl", size, max_pixels=1_003_520) for size in SIZES] == limited
    assert [ours("internvl3", size, max_patches=6) for size in SIZES] == internvl(6)(SIZES)


def test_idefics2_without_splitting_counts_as_its_processor_does() -> None:
    assert [int(image_tokens("idefics2", height=300, width=500, split=False))] == idefics2(split=False)([(300, 500)])


@pytest.mark.parametrize("frames", [2, 3, 4, 17])
def test_qwen_videos_count_as_the_video_processor_does(frames: int) -> None:
    accepted = [size for size in SIZES if ours("qwen2.5-vl", size) is not None]
    counted = [int(image_tokens("qwen2.5-vl", height=h, width=w, frames=frames)) for h, w in accepted]
    assert counted == [qwen_video(frames, *size) for size in accepted]


def test_onevision_videos_count_as_the_processor_does() -> None:
    videos = [[frames, 480, 640] for frames in (2, 3, 32)]
    theirs = onevision()._get_num_multimodal_tokens(video_sizes=videos)["num_video_tokens"]
    assert [int(image_tokens("llava-onevision", height=h, width=w, frames=f)) for f, h, w in videos] == theirs
