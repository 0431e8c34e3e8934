import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lexel.errors import BadArguments
from lexel.pipelines.grammar import MAX_DEPTH, MAX_LENGTH, Inside, Stage, Stages, parse

texts = st.text(max_size=6) | st.text(alphabet="'\"\\|,])\n", max_size=4)
atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
lists = st.lists(atoms | st.lists(atoms, max_size=2).map(tuple), max_size=3)
values = atoms | lists | lists.map(tuple) | st.dictionaries(texts, atoms | lists, max_size=2)
names = texts.filter(bool) | st.sampled_from(
    ["patch", "random_drop", "org/name@main", "./a b", "open_clip:ViT-B-32/laion2b", "4m", "3:x", "-1"]
)
keywords = st.sampled_from(["r", "keep", "patch_size", "True", "größe"])
layers = st.lists(st.integers(-999, 999), max_size=3, unique=True) | st.builds(
    lambda first, count: list(range(first, first + count)), st.integers(-9, 9), st.integers(1, 8)
)
stages = st.tuples(names, st.lists(values, max_size=3), st.dictionaries(keywords, values, max_size=3))
insides = st.lists(st.tuples(layers, stages), max_size=2)
pipelines = st.lists(st.tuples(stages, insides), min_size=1, max_size=3)


def built(parts) -> Stages:
    """The pipeline of what the strategies give. Not inside them: the shape checker draws random numbers."""
    return Stages(
        tuple(
            Stage(
                name,
                tuple(args),
                kwargs,
                tuple(Inside(tuple(where), Stage(n, tuple(a), k)) for where, (n, a, k) in inside),
            )
            for (name, args, kwargs), inside in parts
        )
    )


def stays_or_points(text: str) -> None:
    """Either a pipeline that is read back, or a caret."""
    try:
        pipeline = parse(text)
    except BadArguments as error:
        caret = error.reason.partition("\n")[2]
        assert caret.lstrip(" ").startswith("^ ")
    else:
        assert parse(str(pipeline)) == pipeline


@given(pipelines)
def test_every_pipeline_is_read_back_from_its_text(parts):
    pipeline = built(parts)
    if len(str(pipeline)) <= MAX_LENGTH:
        again = parse(str(pipeline))
        assert again == pipeline
        assert repr(again) == repr(pipeline)  # 1, 1.0 and True are equal, and not the same


@given(st.text() | st.text(alphabet="ab13-.|()[]{}:,='\"\\ \n_e", max_size=40))
@example("a(" * 2000)
@example("[" * 4000)
@example("a['" + "\\'" * 1900)
@example("|".join("a" * 2000))
@example("'\ud800\0'")
@example("a('\ud800')")
@example("a(" + "9" * 3900 + ")")
@example("a('\\U00ffffff')")
def test_any_text_is_a_pipeline_or_a_bad_argument(text):
    stays_or_points(text)


@given(pipelines, st.data())
def test_a_pipeline_with_one_character_changed_is_one_or_a_bad_argument(parts, data):
    text = str(built(parts))
    at = data.draw(st.integers(0, len(text) - 1))
    changed = data.draw(st.sampled_from([*"|()[]'\",:\\=-1 ", ""]))
    stays_or_points(text[:at] + changed + text[at + 1 :])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("patch(16)|tome( r = 98 )", "patch(16) | tome(r=98)"),
        ("patch()", "patch"),
        (" patch ( 16 , ) ", "patch(16)"),
        ("patch((16))", "patch(16)"),
        ("patch((16,))", "patch((16,))"),
        ("tower[ 3 , 6 - 9 : evit( keep = 0.7 ), tome ]", "tower[3,6-9: evit(keep=0.7), tome]"),
        ("tower[4,5,6: a, -3--1: b, 1,2: c]", "tower[4-6: a, -3--1: b, 1,2: c]"),
        ("tower[-1,0,1: a]", "tower[-1,0,1: a]"),
        ("org/name@v1[tome(r=13)]", "org/name@v1[tome(r=13)]"),
        ("'patch'(16)", "patch(16)"),
        ("01-ai/model", "'01-ai/model'"),
        ("'my | model'", "'my | model'"),
        ("a('|,]', \")\")", "a('|,]', ')')"),
        ('a({"k": [1, (2,), None]}, x=-1.50, y=1_000)', "a({'k': [1, (2,), None]}, x=-1.5, y=1000)"),
        ("patch(\n  16,\n)\n| tome(r=1)\n", "patch(16) | tome(r=1)"),
    ],
)
def test_a_text_has_one_canonical_form(text, canonical):
    assert str(parse(text)) == canonical
    assert str(parse(canonical)) == canonical


def test_a_range_of_layers_has_both_ends_in_it():
    [stage] = parse("tower[4-8,-2: tome]").stages
    assert stage.inside == (Inside((4, 5, 6, 7, 8, -2), Stage("tome")),)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("patch(16 | tome(r=98)", 5, "this bracket is never closed"),
        ("patch(16) |", 11, "expected a stage"),
        ("| patch(16)", 0, "expected a stage"),
        ("patch(16))", 9, "expected | and another stage, or the end"),
        ("patch 16", 6, "expected | and another stage, or the end"),
        ("patch(16]", 8, "expected , or )"),
        ("patch(16 8)", 9, "expected , or )"),
        ("patch(size=1, 16)", 14, "values without a name come first"),
        ("patch(a=1, a=2)", 11, "a is given twice"),
        ("patch(sixteen)", 6, "sixteen is no value; text goes in quotes: 'sixteen'"),
        ("patch(010)", 6, "no number that Python would read"),
        ("patch(1e999)", 6, "too large: numbers are finite"),
        ("read('C:\\models')", 5, "a \\ in quotes is written \\\\"),
        ("read('a", 4, "this bracket is never closed"),
        ("'a | b", 0, "these quotes are never closed"),
        ("''", 0, "a name is not empty"),
        ("?", 0, "a name does not begin so; odd names go in quotes"),
        ("tower[]", 6, "expected a selector in the brackets"),
        ("tower[3 tome]", 8, "expected : and a selector after the layers"),
        ("tower[8-4: tome]", 6, "a range goes up, with both ends on one side of 0"),
        ("tower[-1-1: tome]", 6, "a range goes up, with both ends on one side of 0"),
        ("tower[3, 1-4: tome]", 9, "a layer is named twice"),
        ("a({1: 2})", 3, "expected a key in quotes"),
        ("a({'k' 2})", 7, "expected : and a value"),
    ],
)
def test_an_error_points_at_its_character(text, at, message):
    with pytest.raises(BadArguments) as caught:
        parse(text)
    assert caught.value.reason == f"{text}\n{' ' * at}^ {message}"


def test_length_and_depth_are_bounded():
    assert parse("a" * MAX_LENGTH)
    with pytest.raises(BadArguments, match="at most 4,000 characters"):
        parse("a" * (MAX_LENGTH + 1))
    deep = MAX_DEPTH - 1
    assert parse(f"a({'[' * deep}{']' * deep})")
    with pytest.raises(BadArguments, match="more than 20 brackets"):
        parse(f"a({'[' * MAX_DEPTH}{']' * MAX_DEPTH})")
