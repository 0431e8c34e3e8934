import subprocess
import sys
from types import ModuleType

import pytest

from lexel.errors import PipelineError, UnknownName
from lexel.pipelines import registry
from lexel.pipelines.registry import find, methods, temporary
from lexel.reducers.tome import ToMe

HEAD = '''"""Halving: every second token goes,
wherever it stands.

    a b c d   →   a c

    the first stays

Paper      nobody 2024, a page of
           two lines
Kind       selector
Checked by test_one,
           test_two
"""

class Halving: ...
'''


@pytest.fixture
def house(monkeypatch, tmp_path):
    """A house of one empty room, `reducers`, to write methods into."""
    (tmp_path / "reducers").mkdir()
    monkeypatch.setattr(registry, "HOUSE", tmp_path)
    monkeypatch.setattr(registry, "ROOMS", ("reducers",))
    return tmp_path / "reducers"


def test_a_name_is_the_one_public_class_of_the_file_of_that_name():
    assert find("tome") is ToMe


@pytest.mark.parametrize("name", ["ToMe", "TOME", "_raster", "__init__", "tome.py", "../errors", "", "reducers.tome"])
def test_only_file_names_without_an_underscore_are_names(name):
    with pytest.raises(UnknownName):
        find(name)


def test_an_unknown_name_offers_the_nearest_or_all():
    with pytest.raises(UnknownName) as caught:
        find("tomme")
    assert str(caught.value) == "no method is called tomme\ndid you mean tome?"
    with pytest.raises(UnknownName, match=r"the methods are bsq, .*tome"):
        find("zzzzzz")


def test_a_family_is_no_method_and_the_error_says_what_to_name():
    with pytest.raises(UnknownName, match=r"(?s)clip is a family of models.*org/name of the hub"):
        find("clip")


def test_the_head_of_a_file_is_read_field_by_field(house):
    (house / "halving.py").write_text(HEAD, encoding="utf-8")
    [method] = methods()
    assert method.sentence == "Halving: every second token goes, wherever it stands."
    assert method.drawing == "a b c d   →   a c\n\nthe first stays"
    assert method.fields == {
        "Paper": "nobody 2024, a page of two lines",
        "Kind": "selector",
        "Checked by": "test_one, test_two",
    }


@pytest.mark.parametrize("text", ["", "x = 1", '"""never closed', "'''other quotes'''", '"""Only a sentence."""'])
def test_a_file_without_a_head_is_listed_all_the_same(house, text):
    (house / "bare.py").write_text(text, encoding="utf-8")
    [method] = methods()
    assert (method.name, method.room, method.fields) == ("bare", "reducers", {})


def test_listing_imports_nothing():
    code = (
        "import sys; from lexel.pipelines.registry import methods; assert methods();"
        "print([name for name in sys.modules if name.startswith(('lexel.reducers.', 'lexel.partitions.', 'numpy'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_file_of_two_public_classes_is_no_method(monkeypatch, house):
    (house / "twins.py").touch()
    module = ModuleType("lexel.reducers.twins")
    exec("class One: ...\nclass Two: ...\nclass _Helper: ...", vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    with pytest.raises(PipelineError, match=r"one public class, lexel\.reducers\.twins has One, Two"):
        find("twins")


def test_a_temporary_name_lasts_as_long_as_its_block():
    with temporary("mymerge", ToMe):
        assert find("mymerge") is ToMe
    with pytest.raises(UnknownName):
        find("mymerge")


def test_a_temporary_name_is_gone_after_an_error():
    with pytest.raises(RuntimeError), temporary("mymerge", ToMe):
        raise RuntimeError
    with pytest.raises(UnknownName):
        find("mymerge")


def test_a_name_that_is_taken_is_no_temporary_name():
    with pytest.raises(ValueError, match="the name 'tome' is taken"), temporary("tome", ToMe):
        pass
