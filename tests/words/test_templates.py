"""The published prompt templates, entry by entry by their hash."""

from hashlib import sha256

import pytest

from lexel.errors import BadArguments, UnknownName
from lexel.words.templates import TEMPLATES, prompts, templates_of


@pytest.mark.parametrize(
    ("name", "count", "digest"),
    [
        ("imagenet", 80, "4f976686fb651bb5803d4689dcd849f75efe0ef19a3c801355bc9a6f03c8a5af"),
        ("imagenet-7", 7, "6ef3883987d224b7949da69fe0b615af152e1560eaac4c5c38555e50c882d415"),
    ],
)
def test_a_set_equals_the_published_one(name: str, count: int, digest: str) -> None:
    templates = templates_of(name)
    assert len(set(templates)) == count
    assert sha256("\n".join(templates).encode()).hexdigest() == digest


def test_the_seven_are_among_the_eighty() -> None:
    assert set(TEMPLATES["imagenet-7"]) < set(TEMPLATES["imagenet"])


def test_a_label_is_put_in_as_it_is() -> None:
    assert prompts("dog", templates="imagenet-7")[0] == "itap of a dog."
    assert prompts("{0.__class__}", templates="a {} in a {}.") == ["a {0.__class__} in a {0.__class__}."]


def test_one_template_and_several_are_taken() -> None:
    assert templates_of("{} on a beach") == ("{} on a beach",)
    assert templates_of(["{}", "a {}."]) == ("{}", "a {}.")


def test_an_unknown_set_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="no templates 'imagenet-8'") as error:
        templates_of("imagenet-8")
    assert "imagenet, imagenet-7" in error.value.hint


@pytest.mark.parametrize("templates", [[], ["a photo"], ["{}", "a {label}"]])
def test_a_template_without_a_place_for_the_label_is_refused(templates: list[str]) -> None:
    with pytest.raises(BadArguments, match="template"):
        templates_of(templates)
