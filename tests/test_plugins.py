import sys
from pathlib import Path

import pytest

import lexel
from lexel.errors import MissingExtra, PipelineError, UnknownName
from lexel.pipelines.registry import find, methods
from lexel.plugins import plugins
from lexel.reducers.tome import ToMe
from lexel.testing import SELECTOR_CHECKS, make_picture

THIRD_PARTY = Path(__file__).parent / "thirdparty"


@pytest.fixture
def installed(monkeypatch):
    """The package in tests/thirdparty, as if pip had installed it; plug-ins are on."""
    monkeypatch.setenv("LEXEL_PLUGINS", "1")
    monkeypatch.syspath_prepend(THIRD_PARTY)
    yield
    sys.modules.pop("keepfirst", None)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """Write and install a package `other` of one entry point; plug-ins are on."""
    monkeypatch.setenv("LEXEL_PLUGINS", "1")
    monkeypatch.syspath_prepend(tmp_path)

    def write(entry, code=""):
        info = tmp_path / "other-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
        (info / "entry_points.txt").write_text(f"[lexel.methods]\n{entry}\n")
        (tmp_path / "other.py").write_text(code)

    yield write
    sys.modules.pop("other", None)


@pytest.mark.usefixtures("installed")
def test_a_third_party_method_joins_by_its_entry_point_alone():
    tokens = lexel.pipeline("patch(16) | keepfirst(5)")([make_picture(64, 64), make_picture(16, 48)])
    assert tokens.counts.tolist() == [5, 3]
    assert tokens.recipe.startswith("patch(16) | keepfirst(5) · lexel ")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("check", SELECTOR_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_third_party_method_stands_under_the_same_contract(check):
    check(find("keepfirst")(4))


@pytest.mark.usefixtures("installed")
def test_listing_names_a_plug_in_and_does_not_load_it():
    assert [(m.name, m.room) for m in methods() if m.name == "keepfirst"] == [("keepfirst", "keepfirst")]
    assert "keepfirst" not in sys.modules


@pytest.mark.usefixtures("installed")
def test_the_nearest_names_are_those_of_plug_ins_too():
    with pytest.raises(UnknownName, match=r"did you mean keepfirst\?"):
        find("keepfrist")


@pytest.mark.usefixtures("installed")
def test_plug_ins_can_be_turned_off(monkeypatch):
    monkeypatch.setenv("LEXEL_PLUGINS", "0")
    assert plugins() == {}
    with pytest.raises(UnknownName, match="no method is called keepfirst"):
        find("keepfirst")


def test_a_method_of_lexel_wins_over_a_plug_in_of_its_name(package):
    package("tome = other:Other", "raise RuntimeError")
    assert find("tome") is ToMe
    assert [m.room for m in methods() if m.name == "tome"] == ["reducers"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import no_such_module", "there is no module no_such_module"),
        ("raise RuntimeError('/a/path/of/this/machine')", "RuntimeError"),
        ("", "AttributeError"),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_is_named_with_its_distribution(package, code, why):
    package("broken = other:Broken", code)
    assert "broken" in [m.name for m in methods()]
    with pytest.raises(PipelineError) as caught:
        find("broken")
    assert caught.value.reason == f"the plug-in broken of other cannot be loaded: {why}"
    assert "LEXEL_PLUGINS=0" in caught.value.hint


def test_an_error_of_lexel_from_a_plug_in_stays_what_it_is(package):
    package("needy = other:Needy", "from lexel.errors import MissingExtra\nraise MissingExtra('needs more')")
    with pytest.raises(MissingExtra, match="needs more"):
        find("needy")


def test_a_plug_in_that_is_no_class_is_refused(package):
    package("function = other:function", "def function(): ...")
    with pytest.raises(PipelineError, match="the plug-in function of other is no class but a function"):
        find("function")
