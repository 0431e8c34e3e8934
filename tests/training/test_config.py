"""A run's file: templates are whole and commented, and what is wrong in a file is named with its line."""

import json
import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.errors import BadArguments, UnknownName
from lexel.training.config import KINDS, line_of, read
from lexel.training.recipes import TASKS, new, template

each_task = pytest.mark.parametrize("task", TASKS)


@pytest.fixture
def wrong(tmp_path):
    """What is said of the CLIP template with one text put for another; `#` stands for the file's path."""

    def said(*changes, task="clip"):
        text = template(task)
        for before, after in changes:
            assert before in text
            text = text.replace(before, after, 1)
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadArguments) as caught:
            read(path)
        return str(caught.value).replace(str(path), "#").splitlines()

    return said


def number(task, start):
    """The line of the template that starts so."""
    return next(at for at, line in enumerate(template(task).splitlines(), 1) if line.startswith(start))


@each_task
def test_a_new_run_is_a_file_that_can_be_read(task, tmp_path):
    path = new(task, tmp_path / "mine")
    assert path == tmp_path / "mine" / "mine.toml"
    assert read(path).task == task
    assert read(path) == KINDS[task].model_validate(tomllib.loads(template(task)))


@each_task
def test_every_line_of_a_template_says_what_it_is(task):
    for line in template(task).splitlines():
        assert len(line) <= 120
        assert not line.strip() or re.match(r"\[\w+\]$|\w+ = .+?  +# \S|(# | +# |#$)", line), line


@each_task
def test_no_setting_may_be_left_out_and_the_missing_line_is_offered(task, tmp_path):
    path, lines = tmp_path / "run.toml", template(task).splitlines()
    for at, line in enumerate(lines):
        if found := re.match(r"(\w+) = ", line):
            path.write_text("\n".join([*lines[:at], "#", *lines[at + 1 :]]), encoding="utf-8")
            with pytest.raises(BadArguments, match=rf"run.toml:\d+: (\w+\.)?{found[1]}: is missing") as caught:
                read(path)
            assert found[1] == "task" or caught.value.reason.splitlines()[1] == line


def test_a_value_out_of_range_is_named_with_its_line(wrong):
    line = number("clip", "learning_rate")
    assert wrong(("learning_rate = 5e-4", "learning_rate = -1")) == [
        f"#:{line}: optimizer.learning_rate: must be greater than 0, is -1"
    ]


def test_every_fault_is_named_in_the_order_of_the_file(wrong):
    line = number("clip", "betas")
    said = wrong(("seed = 0", 'seed = "0"'), ("betas = [0.9, 0.98]", "betas = [\n0.9,\n2.0,\n]"))
    assert said == [
        f"#:{line}: optimizer.betas[1]: must be less than 1, is 2.0",
        f'#:{number("clip", "seed") + 3}: run.seed: must be a valid integer, is "0"',
    ]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("flip = 0.0", "flop = 0.0", "augment.flop: is no setting; did you mean flip?"),
        ("[card]", "[cards]", "cards: is no setting; did you mean card?"),
        ("seed = 0", "seed = 0\nqqq = 1", "run.qqq: is no setting; there are epochs, batch, chunk"),
        ("heads = 4", "heads = 5", "image.heads: must divide width = 256, is 5"),
        ("patch_size = 16", "patch_size = 15", "image.patch_size: must divide size = 160, is 15"),
        ('"float32"', '"float16"', "run.precision: must be 'float32' or 'bfloat16', is \"float16\""),
        ("betas = [0.9, 0.98]", "betas = 0.9", "optimizer.betas: must be a list of two numbers"),
        ("betas = [0.9, 0.98]", "betas = [0.9]", "optimizer.betas[1]: is missing"),
        ("betas = [0.9, 0.98]", "betas = [1, 2, 3]", "optimizer.betas: must be a list of two numbers"),
        ("clip = 1.0", "clip = nan", "optimizer.clip: must be a finite number, is NaN"),
        ("batch = 256", "batch = true", "run.batch: must be a valid integer, is true"),
        ('source = "pictures"', 'source = ""', 'data.source: must have at least 1 character, is ""'),
        ('task = "clip"', 'task = "clap"', 'task: must be clip, siglip, mae, tokenizer, finetune, is "clap"'),
        ('task = "clip"', "task = 3", "task: must be clip, siglip, mae, tokenizer, finetune, is 3"),
    ],
)
def test_a_fault_says_what_would_be_right(before, after, says, wrong):
    text = template("clip")
    line = text[: text.index(before)].count("\n") + 1
    if "qqq" in after:
        line += 1
    assert any(said.startswith(f"#:{line}: {says}") for said in wrong((before, after)))


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("down = 8", "down = 12", "model.down: must be 4, 8, 16 or 32, is 12"),
        ("down = 8", "down = 32\nside = 1", "model.side: is no setting"),
        ("side = 64", "side = 60", "crops: must have a side that is a multiple of down = 8"),
        ("weight = 0.0", "weight = -1.0", "discriminator.weight: must be greater than or equal to 0, is -1.0"),
        (
            'kind = "vqvae"',
            'kind = "gan"',
            "model.kind: must be 'vqvae', 'autoencoder', 'vae' or 'diffusion', is \"gan\"",
        ),
    ],
)
def test_a_fault_of_a_tokenizer_says_what_would_be_right(before, after, says, wrong):
    assert any(says in said for said in wrong((before, after), task="tokenizer"))


@pytest.mark.parametrize(("before", "says"), [("ssim = 0.0", "loss"), ("weight = 0.0", "discriminator")])
def test_diffusion_learns_no_pixels_and_is_judged_by_none(before, says, wrong):
    name = before.partition(" ")[0]
    said = wrong(('kind = "vqvae"', 'kind = "diffusion"'), (before, f"{name} = 1.0"), task="tokenizer")
    assert any(f"{says}: must have" in one for one in said)


def test_what_makes_codes_and_how_large_cells_are_is_written_down(tmp_path):
    said = read(new("tokenizer", tmp_path / "mine", quantizer="vq(8, codebook_size=512, decay=0.99)", down=16))
    assert (said.model.quantizer, said.model.down) == ("vq(8, codebook_size=512, decay=0.99)", 16)
    with pytest.raises(BadArguments, match="mae has no codes"):
        new("mae", tmp_path / "other", down=16)


def test_a_table_that_is_no_table_is_said_so(tmp_path):
    path = tmp_path / "run.toml"
    text = template("clip")
    begin, end = text.index("[card]"), len(text)
    path.write_text("card = 3\n" + text[:begin] + text[end:], encoding="utf-8")
    with pytest.raises(BadArguments, match=r"run.toml:1: card: must be a table"):
        read(path)


def test_what_is_no_toml_is_named_with_its_line(wrong, tmp_path):
    line = number("clip", "batch")
    assert wrong(("batch = 256", "batch = ")) == [f"#:{line}: is no TOML: invalid value"]
    assert wrong(("batch = 256", "seed = 1\nbatch = 256"))[0].startswith(f"#:{number('clip', 'seed') + 1}: is no TOML")
    cut = tmp_path / "cut.toml"
    cut.write_text('task = "clip"\n[data', encoding="utf-8")
    with pytest.raises(BadArguments, match=r"cut.toml:2: is no TOML: "):
        read(cut)
    with pytest.raises(BadArguments, match=r"none.toml: cannot be read as text"):
        read(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadArguments, match=r"bytes.toml: cannot be read as text"):
        read(tmp_path / "bytes.toml")


keys = st.sampled_from("abcd")
values = st.sampled_from(["1", '"x"', "[1,\n 2]", '"""\n[a]\n"""', "{ a = 1, b = 2 }"])


@given(st.dictionaries(keys, st.dictionaries(keys, values, max_size=4), max_size=4), st.booleans())
def test_a_setting_is_found_on_the_line_where_it_was_written(tables, spaced):
    text, lines = "# head\n", {}
    for table, settings in tables.items():
        text += "\n# a table\n" * spaced
        lines[table,] = text.count("\n") + 1
        text += f"[{table}]\n"
        for key, value in settings.items():
            lines[table, key] = text.count("\n") + 1
            text += f"{key} = {value}  # said\n"
    for place, line in lines.items():
        assert line_of(text, place) == line
        assert line_of(text, (*place, "none")) == line
    assert line_of(text, ("none",)) == len(text.splitlines())


def test_pictures_and_models_seen_from_here_are_seen_from_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = read(new("finetune", tmp_path / "runs" / "a", source="my photos", start="./clip"))
    assert (said.data.source, said.model.start) == ("../../my photos", "./../../clip")
    said = read(new("finetune", tmp_path / "runs" / "b", source="hf:org/set", start="org/clip"))
    assert (said.data.source, said.model.start) == ("hf:org/set", "org/clip")
    said = read(new("mae", tmp_path / "runs" / "c", source=str(tmp_path / 'a"b')))
    assert said.data.source == str(tmp_path / 'a"b')


def test_a_run_is_not_written_over(tmp_path):
    path = new("clip", tmp_path / "mine")
    before = path.read_bytes()
    with pytest.raises(BadArguments, match="is there already"):
        new("mae", tmp_path / "mine")
    assert path.read_bytes() == before


def test_what_cannot_be_learned_is_refused_with_what_can(tmp_path):
    with pytest.raises(UnknownName, match="did you mean clip"):
        new("clop", tmp_path / "mine")
    with pytest.raises(UnknownName, match="one of clip, siglip, mae, tokenizer, finetune"):
        new("world peace", tmp_path / "mine")
    with pytest.raises(BadArguments, match="starts from nothing"):
        new("clip", tmp_path / "mine", start="org/name")
    assert not (tmp_path / "mine").exists()


def test_values_in_errors_are_short(wrong):
    [said] = wrong(("seed = 0", f"seed = {json.dumps('x' * 500)}"))
    assert said.endswith(f'is "{"x" * 39}…')
