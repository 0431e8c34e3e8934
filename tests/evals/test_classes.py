"""Folders of classes."""

import pytest

from lexel.errors import BadArguments
from lexel.evals.classes import classes_of, labels_of, said


class Keys(list):
    """Names alone; nobody asks for a picture."""

    def key(self, index):
        return self[index]

    def picture(self, index):
        raise AssertionError


def test_classes_are_the_first_folders_sorted():
    data = Keys(["b/2.jpg", "a b/1.jpg", "b/deep/3.jpg", "Z/4.jpg"])
    assert classes_of(data) == ("Z", "a b", "b")
    assert labels_of(data, classes_of(data)).tolist() == [2, 1, 2, 0]


def test_a_picture_outside_of_the_folders_is_named():
    with pytest.raises(BadArguments, match=r"^1\.jpg: lies in no folder of a class"):
        classes_of(Keys(["a/2.jpg", "1.jpg"]))


def test_a_folder_that_is_no_class_is_named():
    with pytest.raises(BadArguments, match=r"^c/2\.jpg: is of none of the 2 classes: there is no c"):
        labels_of(Keys(["a/2.jpg", "c/2.jpg"]), ("a", "b"))


def test_a_class_is_said_with_spaces():
    assert said("wild_rose") == "wild rose"
