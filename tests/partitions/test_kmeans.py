"""K-means patches: the nearest code, fitting by the letter, files that are refused by name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import save_file

from lexel import box
from lexel.errors import BadArguments, LoadError, TokensError
from lexel.partitions._lloyd import lloyd, nearest, start
from lexel.partitions.kmeans import KMeans
from lexel.partitions.patch import Patch
from lexel.pictures.read import read
from lexel.pipelines.compose import pipeline
from tests.partitions.test_patch import noise


def rows(most=12, width=None):
    widths = st.just(width) if width else st.integers(1, 6)
    return st.integers(1, most).flatmap(lambda n: widths.flatmap(lambda d: arrays(np.uint8, (n, d))))


@given(rows(), st.data())
def test_codes_name_the_nearest_patch(x, data):
    codebook = data.draw(rows(8, x.shape[1]))
    distances = np.square(x[:, None].astype(int) - codebook[None]).sum(axis=2)
    code, distance = nearest(x, codebook)
    assert code.tolist() == distances.argmin(axis=1).tolist()  # ties: the lowest
    assert distance.tolist() == distances.min(axis=1).tolist()


@pytest.mark.parametrize("width", [341, 342, 3000])
def test_distances_are_exact_at_every_width(width):
    x = np.stack([np.zeros(width, np.uint8), np.full(width, 255, np.uint8)])
    codebook = np.stack([x[0], x[1], x[1]])
    codebook[1, 0] -= 1  # farther than the last by 1
    code, distance = nearest(x, codebook)
    assert (code.tolist(), distance.tolist()) == ([0, 2], [0, 0])


def literal_round(x, codebook):
    """One round, a code at a time."""
    distances = np.square(x[:, None].astype(int) - codebook[None]).sum(axis=2)
    code, far = distances.argmin(axis=1), np.argsort(-distances.min(axis=1), kind="stable").tolist()
    means = []
    for k in range(len(codebook)):
        own = x[code == k].astype(int)
        means.append((own.mean(axis=0) + 0.5).astype(np.uint8) if len(own) else x[far.pop(0)])
    return np.array(means)


@given(rows(12, 3), rows(6, 3))
def test_fitting_equals_the_literal_steps(x, codebook):
    if len(codebook) <= len(x):
        assert np.array_equal(lloyd(x, codebook), literal_round(x, codebook))


@given(rows(30, 3), st.integers(1, 12), st.integers(0, 9))
def test_a_start_is_drawn_from_the_rows(x, count, seed):
    chosen = start(x, count, np.random.default_rng(seed))
    assert len(chosen) == count
    assert {tuple(row) for row in chosen.tolist()} <= {tuple(row) for row in x.tolist()}


def test_a_start_prefers_rows_that_are_far_away():
    x = np.repeat(np.array([[0, 0], [250, 250]], np.uint8), [990, 10], axis=0)
    found = [len(np.unique(start(x, 2, np.random.default_rng(seed)), axis=0)) for seed in range(20)]
    assert found == [2] * 20  # by lot alone the ten rows would nearly never come


def fitted(tmp_path, name="book.safetensors", seed=0):
    return KMeans.fit(
        [noise((32, 32)), noise((24, 40), seed=1)], tmp_path / name, patch_size=4, codebook_size=20, seed=seed
    )


def test_a_codebook_that_is_saved_is_loaded(tmp_path):
    made = fitted(tmp_path)
    again = KMeans(4, 20, codebook=str(tmp_path / "book.safetensors"))
    assert again == made
    assert np.array_equal(again.vectors, made.vectors)
    assert again.fitted_on == {"00" * 16}
    assert pipeline(str(pipeline(made))) == pipeline(made)


def test_equal_pictures_and_seeds_give_equal_files(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        fitted(tmp_path, name, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_another_round_would_change_little(tmp_path):
    made = fitted(tmp_path)
    patches = Patch(4).tokenize([noise((32, 32)), noise((24, 40), seed=1)]).data
    before = np.square(patches - made.vectors[nearest(patches, made.vectors)[0]].astype(float)).mean()
    after = lloyd(patches, made.vectors)
    assert np.square(patches - after[nearest(patches, after)[0]].astype(float)).mean() > 0.97 * before


def test_a_picture_of_few_patches_is_given_back_exactly(tmp_path):
    picture = noise((8, 8))
    made = KMeans.fit([picture], tmp_path / "a.safetensors", patch_size=4, codebook_size=4)
    assert np.array_equal(made.detokenize(made.tokenize([picture]))[0].pixels, picture.pixels)


def test_codes_are_the_smallest_integers_that_hold_them():
    assert KMeans(8, 256).tokenize([noise((8, 8))]).data.dtype == np.uint8
    assert KMeans(8, 257).tokenize([noise((8, 8))]).data.dtype == np.uint16


def test_spaces_differ_by_codebook(tmp_path):
    a, b = (fitted(tmp_path, f"{seed}.safetensors", seed) for seed in (0, 1))
    assert a.space != b.space
    with pytest.raises(TokensError, match="gives back"):
        b.detokenize(a.tokenize([noise((8, 8))]))


def test_the_codebook_of_the_box_says_what_it_was_learned_from():
    assert KMeans(8, 64).fitted_on == {picture.digest for picture in read(box.pictures())}


def test_more_codes_than_patches_cannot_be_learned(tmp_path):
    with pytest.raises(BadArguments, match="64 patches"):
        KMeans.fit([noise((8, 8))], tmp_path / "a.safetensors", patch_size=1, codebook_size=65)
    assert not (tmp_path / "a.safetensors").exists()


@pytest.mark.parametrize("numbers", [(0, 10), (8, 0), (8, 65_537), (8, 2.0)])
@pytest.mark.usefixtures("unchecked_shapes")
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(BadArguments):
        KMeans(*numbers)


def test_a_text_that_says_other_numbers_than_the_file_is_refused(tmp_path):
    path = fitted(tmp_path).codebook
    with pytest.raises(BadArguments, match="holds 20 patches"):
        KMeans(4, 21, codebook=path)
    with pytest.raises(BadArguments, match="holds 20 patches"):
        KMeans(5, 20, codebook=path)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(LoadError, match=r"^\./none\.safetensors: there is no such codebook"):
        KMeans(4, 20, codebook="./none.safetensors")


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"codebook": np.zeros((20, 48), np.float32)}, {"lexel.kmeans": 1, "pictures": []}),
        ({"codebook": np.zeros(20, np.uint8)}, {"lexel.kmeans": 1, "pictures": []}),
        ({"codebook": np.zeros((20, 48), np.uint8)}, {"lexel.kmeans": 2, "pictures": []}),
        ({"codebook": np.zeros((20, 48), np.uint8)}, {"pictures": []}),
        ({"codebook": np.zeros((20, 48), np.uint8)}, 3),
        ({"codes": np.zeros((20, 48), np.uint8)}, {"lexel.kmeans": 1, "pictures": []}),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path, tensors, said):
    path = tmp_path / "odd.safetensors"
    save_file(tensors, path, metadata={"lexel": json.dumps(said)})
    with pytest.raises(LoadError, match=r"odd\.safetensors: .*codebook"):
        KMeans(4, 20, codebook=str(path))


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    (tmp_path / "odd.safetensors").write_bytes(b"nonsense")
    with pytest.raises(LoadError, match="not a codebook"):
        KMeans(4, 20, codebook=str(tmp_path / "odd.safetensors"))
