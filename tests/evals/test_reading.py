"""Pictures by number become vectors, and nothing is lost."""

import numpy as np
import pytest

from lexel.contracts.making import make_picture
from lexel.errors import LoadError, Truncated
from lexel.evals.reading import Read, read
from lexel.evals.result import Result, seen
from lexel.pictures.picture import Refusal


class Three:
    """Three pictures; the one in the middle raises `error` where there is one."""

    def __init__(self, error=None, first=0):
        self.error, self.first = error, first

    def __len__(self):
        return 3

    def key(self, index):
        return f"{index}.png"

    def picture(self, index):
        if index == 1 and self.error:
            raise self.error
        return make_picture(4, 5, seed=self.first + index)


def means(pictures):
    return np.array([[picture.pixels.mean()] for picture in pictures], np.float32).reshape(-1, 1)


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_read():
    told = []
    found = read(means, Three(Truncated("the end marker is missing")), on_picture=told.append)
    assert found.kept.tolist() == [0, 2]
    assert found.failed == (Refusal("1.png", "failed", "Truncated", "the end marker is missing"),)
    assert (found.vectors == means([make_picture(4, 5), make_picture(4, 5, seed=2)])).all()
    assert told == [1, 1, 1]


def test_an_error_that_is_not_of_a_picture_ends_the_reading():
    with pytest.raises(LoadError):
        read(means, Three(LoadError("gone")))


def test_the_digest_is_of_names_and_bytes():
    same, again, other = read(means, Three()), read(means, Three()), read(means, Three(first=1))
    assert same.digest == again.digest
    assert len({same.digest, other.digest, read(means, Three(Truncated("cut"))).digest}) == 3


def test_a_result_says_what_it_is_of(clip, tmp_path):
    failed = (Refusal("1.png", "failed", "Truncated", "the end marker is missing"),)
    read_of = Read(np.zeros((2, 4), np.float32), np.array([0, 2]), "ab" * 16, failed)
    data = {"test": seen("photos/", read_of, texts=10)}
    result = Result.of("retrieval", {"image_retrieval_recall@1": 0.5}, clip, data, captions=5)
    result.save(tmp_path / "a.json")
    Result.of("retrieval", {"image_retrieval_recall@1": 0.5}, clip, data, captions=5).save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert result.model["weights"] == clip.digest
    assert "Shortest(edge=28)" in result.model["preparation"]
    assert (result.model["dtype"], result.model["device"]) == ("float32", "cpu")
    assert result.data["test"] == {
        "name": "photos/",
        "digest": "ab" * 16,
        "pictures": 2,
        "texts": 10,
        "failed": [{"input": "1.png", "error": "Truncated", "reason": "the end marker is missing"}],
    }
    assert {"lexel", "python", "numpy", "pillow", "safetensors", "torch"} == result.versions.keys()
    assert result.settings == {"captions": 5}
