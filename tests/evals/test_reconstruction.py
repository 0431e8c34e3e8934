"""What `eval tokenizer` says of a tiny model of codes is what the single measures say."""

import json

import numpy as np
import pytest
from autoencoders.peers import kl, saved, vq
from typer.testing import CliRunner

import lexel
from lexel import box
from lexel.cli.app import app
from lexel.errors import BadArguments
from lexel.evals.frechet import frechet_distance
from lexel.evals.probes import features
from lexel.evals.reconstruction import Reconstruction
from lexel.measures.codecs import ladder
from lexel.measures.codes import usage
from lexel.measures.coding import Tables
from lexel.measures.pixels import mse, psnr, ssim
from lexel.measures.stability import stability
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
from lexel.pictures.resize import pillow_box


@pytest.fixture(scope="module")
def photos():
    found = zip(read([box.path("coffee"), box.path("brick")]), [(32, 48), (24, 40)], strict=True)
    return [Picture(pillow_box(p.pixels, size), p.name, size, p.digest) for p, size in found]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vq")
    saved(vq(), folder)
    return lexel.load(folder)


def test_a_tokenizer_of_codes_is_measured_as_the_single_measures_say(model, photos):
    size = model.space.codebook[0]
    rasters = [model.tokenize([p]).grids()[0] for p in photos]
    tables = Tables.fit(rasters, codebook=model.image.quantizer.codebook.numpy())
    measured = Reconstruction(model, tables=tables)
    found = measured.metrics(measured.rows(photos))
    backs = [model.detokenize(model.tokenize([p]))[0].pixels for p in photos]
    pixels = sum(p.pixels.size // 3 for p in photos)
    assert found["PSNR"] == pytest.approx(np.mean([psnr(mse(p.pixels, b)) for p, b in zip(photos, backs, strict=True)]))
    assert found["SSIM"] == pytest.approx(np.mean([ssim(p.pixels, b) for p, b in zip(photos, backs, strict=True)]))
    assert found["bits_per_pixel"] == sum(r.size for r in rasters) * (size - 1).bit_length() / pixels
    streams = [8 * len(tables.encode(r)) for r in rasters]
    assert found["coded_bits_per_pixel"] == sum(streams) / pixels
    coded = [ladder(p.pixels, "jpeg")(bits) for p, bits in zip(photos, streams, strict=True)]
    assert found["jpeg_bits_per_pixel"] == sum(c.bits for c in coded) / pixels
    assert found["jpeg_header_bits_per_pixel"] == sum(8 * c.header for c in coded) / pixels
    [use] = usage(np.concatenate([r.reshape(-1) for r in rasters]), [size])
    assert (found["entropy"], found["perplexity"], found["used"]) == (use.entropy, use.perplexity, use.used)
    assert found["codes"] == sum(r.size for r in rasters)
    assert found["flips_noise"] == np.mean([stability(model, p)["noise"].flips for p in photos])


def test_a_tokenizer_of_latents_is_measured_without_codes(tmp_path, photos):
    saved(kl(), tmp_path)
    measured = Reconstruction(lexel.load(tmp_path))
    found = measured.metrics(measured.rows(photos))
    assert {"PSNR", "SSIM", "bits_per_pixel", "jpeg_PSNR", "webp_PSNR"} <= found.keys()
    assert not [name for name in found if name.startswith(("flips", "entropy", "coded"))]
    with pytest.raises(BadArguments, match="has no codes"):
        Reconstruction(lexel.load(tmp_path), tables=Tables.fit([], (3, 3)))


def test_distances_of_the_caller_stand_beside(model, photos):
    class Farthest:
        name = "farthest"

        def __call__(self, a, b):
            return float(np.abs(a.astype(int) - b).max())

    measured = Reconstruction(model, distances=[Farthest()])
    found = measured.metrics(measured.rows(photos))
    assert 0 < found["farthest"] <= 255


def test_the_frechet_distance_is_that_of_an_encoders_vectors(model, photos, clip):
    measured = Reconstruction(model, encoder=clip)
    found = measured.metrics(measured.rows(photos))
    kept = [model.detokenize(model.tokenize([p]))[0] for p in photos]
    assert found[f"FD ({clip.name})"] == pytest.approx(frechet_distance(features(clip, photos), features(clip, kept)))


def test_tables_are_kept_with_the_model_and_the_command_uses_them(
    model, photos, tmp_path, monkeypatch, unchecked_shapes
):
    monkeypatch.chdir(tmp_path)
    rasters = [model.tokenize([p]).grids()[0] for p in photos]
    model = lexel.load(model.name)
    model.tables = Tables.fit(rasters, codebook=model.image.quantizer.codebook.numpy())
    from lexel.loading.load import TABLES

    saved(vq(), tmp_path / "vq")
    model.tables.save(tmp_path / "vq" / TABLES)
    (tmp_path / "photos").mkdir()
    from PIL import Image

    for photo in photos:
        Image.fromarray(photo.pixels).save(tmp_path / "photos" / f"{photo.name[-5:-4]}.png")
    done = CliRunner().invoke(app, ["eval", "tokenizer", "photos", "--model", "./vq", "-o", "result.json"])
    assert done.exit_code == 0, done.stderr
    metrics = json.loads((tmp_path / "result.json").read_text())["metrics"]
    assert metrics["coded_bits_per_pixel"] < metrics["bits_per_pixel"] + 0.2
    again = tmp_path / "again"
    lexel.save(lexel.load(tmp_path / "vq"), again)
    assert (again / TABLES).read_bytes() == (tmp_path / "vq" / TABLES).read_bytes()


def test_a_model_without_pictures_is_refused(tmp_path, monkeypatch, unchecked_shapes):
    from loading.references import TOWERS, noisy
    from loading.references import saved as kept

    monkeypatch.chdir(tmp_path)
    kept(noisy(TOWERS["vit"]()), tmp_path / "vit")
    done = CliRunner().invoke(app, ["eval", "tokenizer", "photos", "--model", "./vit"])
    assert (done.exit_code, "gives no picture back" in done.stderr) == (2, True)
