"""A method is a file with one public class, and the registry finds that class under the file's name."""

import ast

import pytest
from house.plan import SOURCE

from lexel.pipelines import registry

METHODS = [
    f"{room}/{path.name}"
    for room in registry.ROOMS
    for path in sorted((SOURCE / room).glob("*.py"))
    if not path.name.startswith("_")
]


@pytest.mark.parametrize("file", METHODS)
def test_a_method_is_the_one_public_class_of_its_file(file: str) -> None:
    body = ast.parse((SOURCE / file).read_text(encoding="utf-8")).body
    public = [node.name for node in body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    assert len(public) == 1, f"src/lexel/{file} has the public classes {public}: it must have one, the method"
    found = registry.find(file.split("/")[1].removesuffix(".py"))
    assert (found.__module__, found.__name__) == (f"lexel.{file[:-3].replace('/', '.')}", public[0])


def test_no_two_methods_share_a_name() -> None:
    names = [file.split("/")[1] for file in METHODS]
    assert sorted(names) == sorted(set(names)), "a pipeline could not tell them apart: rename one"
