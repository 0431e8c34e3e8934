"""The settings of a checkpoint are the preparation that its processor would do, and are written so."""

import json

import numpy as np
import pytest
from PIL import Image
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.pvt.image_processing_pil_pvt import PvtImageProcessorPil
from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from lexel.errors import LoadError
from lexel.loading.files import Checkpoint
from lexel.loading.processor import FILE, preparation, written, written_openclip
from lexel.pictures.picture import Picture
from lexel.pictures.prepare import Longest, Preparation, Shortest, Squash
from lexel.pictures.published import (
    HALF,
    IMAGENET_MEAN,
    IMAGENET_STD,
    clip,
    deit,
    dinov2,
    dinov3,
    imagenet,
    naflex,
    sam,
    siglip,
    squashed,
    vit,
)

PICTURE = Picture(np.random.default_rng(0).integers(0, 256, (61, 45, 3), dtype=np.uint8), "a.png", (61, 45), "")

PROCESSORS = {
    "clip": (CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28), clip(224)),
    "clip, another kernel": (CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size=28, resample=2), clip(224)),
    "clip, another norm": (
        CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28, image_mean=[0, 0.2, 0.3], image_std=[1, 2, 3]),
        clip(224),
    ),
    "clip, no crop": (CLIPImageProcessorPil(size={"shortest_edge": 28}, do_center_crop=False), clip(224)),
    "clip, as it is": (CLIPImageProcessorPil(do_resize=False, crop_size=28, do_normalize=False), clip(224)),
    "vit": (ViTImageProcessorPil(size={"height": 28, "width": 35}), vit(224)),
    "vit, another norm": (ViTImageProcessorPil(image_mean=[0.485, 0.456, 0.406], image_std=[0.2, 0.3, 0.4]), vit(224)),
    "deit": (DeiTImageProcessorPil(size={"height": 32, "width": 32}, crop_size=28), deit(224)),
    "sam": (SamImageProcessorPil(size={"longest_edge": 32}, pad_size={"height": 32, "width": 40}), sam(1024)),
    "sam, no margin": (SamImageProcessorPil(size={"longest_edge": 32}, do_pad=False), sam(1024)),
    "siglip": (SiglipImageProcessorPil(size={"height": 28, "width": 35}), siglip(224)),
    "pvt": (PvtImageProcessorPil(size={"height": 28, "width": 35}), squashed(224)),
    "resnet": (ConvNextImageProcessorPil(size={"shortest_edge": 28}, crop_pct=0.9), imagenet(224)),
    "resnet, large": (ConvNextImageProcessorPil(size={"shortest_edge": 384}), imagenet(224)),
    "resnet, as it is": (ConvNextImageProcessorPil(do_resize=False), imagenet(224)),
}


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("file", [FILE, "processor_config.json"])
def test_a_saved_processor_is_the_same_preparation(name, file, tmp_path):
    processor, family = PROCESSORS[name]
    processor.save_pretrained(tmp_path)
    if file != FILE:
        settings = json.loads((tmp_path / FILE).read_text())
        (tmp_path / FILE).unlink()
        (tmp_path / file).write_text(json.dumps({"image_processor": settings}))
    ours = preparation(Checkpoint(tmp_path, "here"), family=family)
    expected = processor(Image.fromarray(PICTURE.pixels), return_tensors="np")["pixel_values"][0]
    assert np.array_equal(ours.prepare(PICTURE)[0], expected)


def test_dinov2s_published_settings_are_its_own(tmp_path):
    processor = BitImageProcessorPil(size={"shortest_edge": 256}, image_mean=IMAGENET_MEAN, image_std=IMAGENET_STD)
    processor.save_pretrained(tmp_path)
    assert preparation(Checkpoint(tmp_path, "here"), family=clip(99)) == dinov2()


@pytest.mark.parametrize("kind", ["DINOv3ViTImageProcessorFast", "DINOv3ViTImageProcessor"])
def test_dinov3s_settings_say_by_their_type_that_nothing_is_rounded(kind, tmp_path):
    """Nulls are what its class has: no crop."""
    published = {
        "image_processor_type": kind,
        "crop_size": None,
        "do_center_crop": None,
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(IMAGENET_MEAN),
        "image_std": list(IMAGENET_STD),
        "resample": 2,
        "rescale_factor": 1 / 255,
        "size": {"height": 32, "width": 32},
    }
    (tmp_path / FILE).write_text(json.dumps(published))
    assert preparation(Checkpoint(tmp_path, "here"), family=dinov3(224)) == dinov3(32)
    (tmp_path / FILE).write_text(json.dumps(published | {"image_processor_type": "ViTImageProcessor"}))
    assert preparation(Checkpoint(tmp_path, "here"), family=dinov3(224)).rounded
    (tmp_path / FILE).write_text(json.dumps(written(dinov3(32))))
    assert preparation(Checkpoint(tmp_path, "here"), family=clip(224)) == dinov3(32)


def test_naflex_is_read_and_written(tmp_path):
    Siglip2ImageProcessorPil(patch_size=4, max_num_patches=20).save_pretrained(tmp_path)
    assert preparation(Checkpoint(tmp_path, "here"), family=naflex(16, 256)) == naflex(4, 20)
    (tmp_path / FILE).write_text(json.dumps(written(naflex(8, 12))))
    again = Siglip2ImageProcessorPil.from_pretrained(tmp_path)
    assert (again.patch_size, again.max_num_patches, again.resample) == (8, 12, 2)


@pytest.mark.parametrize("name", PROCESSORS)
def test_what_is_written_is_read_again(name, tmp_path):
    processor, family = PROCESSORS[name]
    processor.save_pretrained(tmp_path)
    once = preparation(Checkpoint(tmp_path, "here"), family=family)
    (tmp_path / FILE).write_text(json.dumps(written(once)))
    assert preparation(Checkpoint(tmp_path, "here"), family=family) == once


def test_old_files_say_sizes_as_one_number(tmp_path):
    """Of the shorter side or of both: as the class of the family took it."""
    (tmp_path / FILE).write_text(json.dumps({"size": 28, "crop_size": 21, "do_center_crop": True}))
    assert preparation(Checkpoint(tmp_path, "here"), family=clip(224)) == Preparation(Shortest(28), crop=(21, 21))
    assert preparation(Checkpoint(tmp_path, "here"), family=vit(224)).resize == Squash((28, 28))
    assert ViTImageProcessorPil.from_pretrained(tmp_path).size == {"height": 28, "width": 28}


def test_old_files_of_resnet_say_the_crop_as_a_share(tmp_path):
    (tmp_path / FILE).write_text(
        json.dumps({"feature_extractor_type": "ConvNextFeatureExtractor", "size": 224, "crop_pct": 0.875})
    )
    ours = preparation(Checkpoint(tmp_path, "here"), family=imagenet(28))
    assert (ours.resize, ours.crop) == (Shortest(256), (224, 224))


def test_one_number_is_both_sides_where_the_family_squashes(tmp_path):
    published = {"do_resize": True, "size": 28, "resample": 3, "feature_extractor_type": "ViTFeatureExtractor"}
    (tmp_path / FILE).write_text(json.dumps(published))
    assert preparation(Checkpoint(tmp_path, "here"), family=squashed(224)) == squashed(28)


def test_openclips_rounding_is_kept_where_it_is_written_as_hugging_face_does(tmp_path):
    even = Preparation(Shortest(28), crop=(28, 28), rounding="even")
    (tmp_path / FILE).write_text(json.dumps(written(even)))
    assert preparation(Checkpoint(tmp_path, "here"), family=clip(224)) == even


def test_without_a_file_it_is_the_familys_own(tmp_path):
    assert preparation(Checkpoint(tmp_path, "here"), family=clip(28)) == clip(28)


@pytest.mark.parametrize(
    ("cfg", "expected"),
    [
        ({}, Preparation(Shortest(28), crop=(28, 28), rounding="even")),
        ({"size": [40, 40]}, Preparation(Shortest(40), crop=(40, 40), rounding="even")),
        (
            {"resize_mode": "squash", "interpolation": "bilinear", "mean": list(HALF), "std": list(HALF)},
            Preparation(Squash((28, 28)), rounding="even", kernel=Image.Resampling.BILINEAR, mean=HALF, std=HALF),
        ),
        (
            {"resize_mode": "longest", "fill_color": 9},
            Preparation(Longest((28, 28)), crop=(28, 28), rounding="even", fill=9),
        ),
    ],
)
def test_openclips_settings_are_read_and_written(cfg, expected, tmp_path):
    model = {"vision_cfg": {"image_size": 28}}
    where = tmp_path / "open_clip_config.json"
    where.write_text(json.dumps({"model_cfg": model, "preprocess_cfg": {"interpolation": "bicubic"} | cfg}))
    ours = preparation(Checkpoint(tmp_path, "here"), family=clip(224))
    assert ours == expected
    where.write_text(json.dumps({"model_cfg": model, "preprocess_cfg": written_openclip(ours)}))
    assert preparation(Checkpoint(tmp_path, "here"), family=clip(224)) == expected


@pytest.mark.parametrize(
    ("file", "settings", "said"),
    [
        (FILE, {"size": {"longest_edge": 9}}, "size has .*longest_edge"),
        (FILE, {"crop_pct": 0}, "crop_pct is 0.0, expected 0.1…1"),
        (FILE, {"crop_pct": 0.9, "do_center_crop": True}, "crop_pct is 0.9, expected 0.1…1 and no other crop"),
        (FILE, {"resample": 9}, "resample is 9"),
        (FILE, {"image_mean": [1, 2]}, "image_mean is .* expected three numbers"),
        (FILE, {"rescale_factor": "x"}, "rescale_factor is .* expected a number"),
        ("open_clip_config.json", {"preprocess_cfg": {"resize_mode": "stretch"}}, "resize_mode is 'stretch'"),
        ("open_clip_config.json", {"preprocess_cfg": {"interpolation": "area"}}, "interpolation is 'area'"),
    ],
)
def test_settings_that_cannot_be_kept_are_refused_by_name(file, settings, said, tmp_path):
    (tmp_path / file).write_text(json.dumps(settings))
    with pytest.raises(LoadError, match=f"here/{file}: {said}"):
        preparation(Checkpoint(tmp_path, "here"), family=clip(224))
