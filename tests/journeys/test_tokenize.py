"""`lexel tokenize` and `detokenize` from a shell: every exit status they can give, and what they say."""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lexel.tokens.stream import read_shards
from lexel.tokens.value import Tokens

GOOD = ("photos/a.png", "photos/b.png")
TO_FILE = ("--with", "patch(16)", "-o", "t.safetensors")


def test_pictures_become_a_file_of_tokens(lexel):
    status, out, err = lexel("tokenize", *GOOD, *TO_FILE)
    assert (status, out) == (0, "2 done; 10 tokens in t.safetensors\n")
    assert "2 of 2 inputs" in err
    tokens = Tokens.load("t.safetensors")
    assert tokens.pictures.names == GOOD
    assert tokens.counts.tolist() == [6, 4]
    assert tokens.recipe.startswith("patch(16)")


def test_a_bad_picture_fails_alone_and_is_accounted_for(lexel):
    status, out, err = lexel("tokenize", "photos", "--with", "patch(16) | tome(r=2)", "-o", "tokens/")
    assert status == 3
    assert out == "3 done, 1 failed, 1 skipped; 20 tokens in tokens\n"
    assert "failed  photos/cut.png: Truncated," in err
    lines = [json.loads(line) for line in Path("tokens.inputs.jsonl").read_text().splitlines()]
    assert [(line["input"], line["status"], line.get("tokens"), line.get("error")) for line in lines] == [
        ("photos/a.png", "done", 4, None),
        ("photos/b.png", "done", 2, None),
        ("photos/c.jpg", "done", 14, None),
        ("photos/cut.png", "failed", None, "Truncated"),
        ("photos/notes.txt", "skipped", None, "NotAPicture"),
    ]
    assert [shard.total for shard in read_shards("tokens")] == [20]


def test_lines_and_documents_of_json_go_to_stdout(lexel):
    _, out, _ = lexel("tokenize", "photos", *TO_FILE, "--jsonl")
    assert out == Path("t.safetensors.inputs.jsonl").read_text()
    _, out, _ = lexel("tokenize", "photos", *TO_FILE, "--json")
    document = json.loads(out)
    assert {key: document[key] for key in ("done", "failed", "skipped", "tokens")} == {
        "done": 3,
        "failed": 1,
        "skipped": 1,
        "tokens": 26,
    }


def test_a_finished_job_is_not_done_again_and_another_is_refused(lexel):
    lexel("tokenize", *GOOD, *TO_FILE)
    before = Path("t.safetensors").stat().st_mtime_ns
    assert lexel("tokenize", *GOOD, *TO_FILE)[0] == 0
    assert Path("t.safetensors").stat().st_mtime_ns == before
    status, _, err = lexel("tokenize", *GOOD, "--with", "patch(8)", "-o", "t.safetensors")
    assert status == 2
    assert "patch(16) there, patch(8) now" in err
    assert "--overwrite" in err
    assert lexel("tokenize", *GOOD, "--with", "patch(8)", "-o", "t.safetensors", "--overwrite")[0] == 0


def test_stdin_is_a_picture(lexel):
    status, _, _ = lexel("tokenize", "-", *TO_FILE, stdin=Path("photos/a.png").read_bytes())
    assert status == 0
    assert Tokens.load("t.safetensors").pictures.names == ("-",)


def test_tokens_go_through_a_pipe(lexel):
    lexel("tokenize", *GOOD, *TO_FILE)
    status, out, err = lexel("tokenize", *GOOD, "--with", "patch(16)", "-o", "-", binary=True)
    assert (status, out) == (0, Path("t.safetensors").read_bytes())
    assert "2 done" in err
    assert lexel("detokenize", "-", "-o", "back", stdin=out)[:2] == (0, "2 done; 10 tokens in back\n")
    assert lexel("detokenize", "-", "-o", "back2", stdin=b"junk")[0] == 3


def test_nothing_there_is_exit_1(lexel):
    Path("empty").mkdir()
    status, _, err = lexel("tokenize", "empty", *TO_FILE)
    assert status == 1
    assert "no input" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument"),
        ((*GOOD, "--with", "patch(16", "-o", "t.safetensors"), "^"),
        ((*GOOD, "--with", "pach(16)", "-o", "t.safetensors"), "patch"),
        ((*GOOD, "--with", "patch(16, side=3)", "-o", "t.safetensors"), "side"),
        ((*GOOD, "--with", "patch(16)", "-o", "t.pickle"), ".pickle"),
        ((*GOOD, "--with", "patch(16) | pool(2) | grid(2, 2)", "-o", "t.safetensors"), "tokenizer"),
        (("-", "-", *TO_FILE), "stdin"),
        ((*GOOD, "--with", "grid(2, 2)", "-o", "t.safetensors"), "size=(height, width)"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what(lexel, arguments, says):
    status, out, err = lexel("tokenize", *arguments)
    assert (status, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_a_disk_that_takes_nothing_is_exit_74(lexel):
    Path("wall").write_text("a file, not a folder")
    status, _, err = lexel("tokenize", *GOOD, "--with", "patch(16)", "-o", "wall/t.safetensors")
    assert status == 74
    assert "wall" in err


def test_a_full_disk_leaves_nothing_half_written(lexel):
    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    status, _, err = lexel("tokenize", *GOOD, *TO_FILE, before=full)
    assert status == 74, err
    assert not Path("t.safetensors").exists()
    assert not list(Path().glob(".partial-*"))


def test_a_defect_is_exit_70_and_the_report_lies_where_it_says(lexel, inject):
    broken = inject(
        "import lexel.runs.manifest as m\ndef broken(*a, **k): raise ZeroDivisionError('ours')\nm.tokenize = broken\n"
    )
    status, _, err = lexel("tokenize", *GOOD, *TO_FILE, **broken)
    assert status == 70
    assert "Traceback" not in err
    report = Path(err.splitlines()[-1]).read_text()
    assert "ZeroDivisionError: ours" in report


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_job_says_how_to_go_on(lexel, inject, number, expected):
    signalled = inject(
        "import os, lexel.runs.run as r\nwork = r._computed\n"
        f"def computed(*a): os.kill(os.getpid(), {int(number)}); return work(*a)\nr._computed = computed\n"
    )
    status, out, err = lexel("tokenize", *GOOD, *TO_FILE, **signalled)
    assert (status, out) == (expected, "")
    assert "interrupted" in err
    assert "tokenize photos/a.png photos/b.png --with 'patch(16)' -o t.safetensors" in err
    assert lexel("tokenize", *GOOD, *TO_FILE)[0] == 0


def test_what_was_tokenized_comes_back(lexel):
    lexel("tokenize", "photos/a.png", "photos/c.jpg", *TO_FILE)
    status, out, _ = lexel("detokenize", "t.safetensors", "-o", "back")
    assert (status, out) == (0, "2 done; 22 tokens in back\n")
    for before, after in (("photos/a.png", "back/a.png"), ("photos/c.jpg", "back/c.png")):
        assert np.array_equal(np.asarray(Image.open(before)), np.asarray(Image.open(after)))
    assert lexel("detokenize", "t.safetensors", "-o", "back")[0] == 2
    assert lexel("detokenize", "t.safetensors", "-o", "back", "--overwrite")[0] == 0


def test_a_folder_of_shards_comes_back(lexel):
    lexel("tokenize", *GOOD, "--with", "patch(16)", "-o", "tokens")
    assert lexel("detokenize", "tokens", "-o", "back")[0] == 0
    assert sorted(path.name for path in Path("back").iterdir()) == ["a.png", "b.png"]


def test_tokens_that_cannot_be_undone_are_refused(lexel):
    lexel("tokenize", *GOOD, "--with", "patch(16) | tome(r=1)", "-o", "t.safetensors")
    status, _, err = lexel("detokenize", "t.safetensors", "-o", "back")
    assert status == 2
    assert "tome(r=1)" in err
    Path("junk.safetensors").write_bytes(b"junk")
    status, _, err = lexel("detokenize", "junk.safetensors", "-o", "back")
    assert status == 3
    assert "junk.safetensors" in err


def test_names_cannot_leave_the_folder_or_collide(lexel):
    Path("photos/x").mkdir()
    for name in ("photos/x/a.png", "photos/..a.png", "photos/A.PNG"):
        Path(name).write_bytes(Path("photos/a.png").read_bytes())
    lexel("tokenize", "photos/a.png", "photos/x/a.png", "photos/..a.png", "photos/A.PNG", *TO_FILE)
    assert lexel("detokenize", "t.safetensors", "-o", "back")[0] == 0
    assert sorted(path.name for path in Path("back").iterdir()) == ["A-4.png", "a-2.png", "a-3.png", "a.png"]


def test_torch_and_pydantic_stay_out(desk):
    code = (
        "import sys; sys.modules['torch'] = None; sys.argv = ['lexel', *sys.argv[1:]]\n"
        "from lexel.cli.app import app\n"
        "try: app()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'pydantic' not in sys.modules\n"
    )
    for arguments in (
        ("tokenize", *GOOD, *TO_FILE),
        ("detokenize", "t.safetensors", "-o", "back"),
        ("show", "photos/a.png", "--with", "patch(8) | tome(r=3)", "-o", "a.html"),
        ("explain", "patch(8) | tome(r=3)", "photos/a.png"),
        ("cost", "photos/a.png", "--model", "gpt-4o"),
        ("compare", "photos/a.png", "--with", "patch(8)", "-o", "a.json"),
    ):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def test_a_folder_may_have_a_dot_where_a_slash_says_that_it_is_one(lexel):
    assert lexel("tokenize", *GOOD, "--with", "patch(16)", "-o", "run.2/")[0] == 0
    assert Tokens.load("run.2").total == 10
    assert lexel("detokenize", "run.2", "-o", "back")[0] == 0


def test_parquet_holds_the_same_tokens(lexel):
    lexel("tokenize", *GOOD, *TO_FILE)
    assert lexel("tokenize", *GOOD, "--with", "patch(16)", "-o", "t.parquet")[0] == 0
    assert Tokens.load("t.parquet").equals(Tokens.load("t.safetensors"))
    assert lexel("detokenize", "t.parquet", "-o", "back")[0] == 0


def test_without_the_extra_parquet_is_exit_4_and_names_it(lexel, inject):
    bare = inject("import sys; sys.modules['pyarrow'] = None; sys.modules['pyarrow.parquet'] = None\n")
    status, _, err = lexel("tokenize", *GOOD, "--with", "patch(16)", "-o", "t.parquet", **bare)
    assert status == 4
    assert "lexel[data]" in err
    assert not Path("t.parquet").exists()


def test_the_same_pixels_are_the_same_tokens_whatever_the_file(lexel):
    picture = Image.open("photos/a.png")
    picture.save("photos/a.bmp")
    picture.save("photos/a.tif")
    picture.save("photos/a.webp", lossless=True, exact=True)
    for how in ("patch(16)", "quadtree(8, 32)", "grid(3, 5)"):
        lexel(
            "tokenize",
            *(f"photos/a.{suffix}" for suffix in ("png", "bmp", "tif", "webp")),
            "--with",
            how,
            "-o",
            "t.safetensors",
            "--overwrite",
        )
        tokens = Tokens.load("t.safetensors")
        for other in (tokens[1], tokens[2], tokens[3]):
            for field in ("data", "boxes", "mass", "level", "kind"):
                assert getattr(other, field).tobytes() == getattr(tokens[0], field).tobytes()
