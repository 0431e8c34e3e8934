"""Every snippet of README and docs runs: Python as it stands, console sessions with the output that they show.

A page's snippets share one folder with the pictures of the box in `photos/`. In the output of a console session `…`
stands for anything, because times and sizes on disk differ between machines.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from house.plan import ROOT

from lexel import box

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SNIPPETS = {page.relative_to(ROOT).as_posix(): FENCE.findall(page.read_text(encoding="utf-8")) for page in PAGES}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder to run in: the pictures of the box in `photos/`, and one as `photo.jpg`."""
    (tmp_path / "photos").mkdir()
    for path in box.pictures():
        shutil.copy(path, tmp_path / "photos")
    shutil.copy(box.path("astronaut"), tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("page", [page for page, snippets in SNIPPETS.items() if snippets])
def test_snippets_run_and_print_what_they_show(page, desk):
    names: dict[str, object] = {}
    for language, text in SNIPPETS[page]:
        if language == "python":
            exec(compile(text, page, "exec"), names)
        else:
            for command, expected in sessions(text):
                done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                shown = expected.replace("…", "...")
                same = doctest.OutputChecker().check_output(shown, done.stdout, doctest.ELLIPSIS)
                assert same, f"{page}: $ {command}\nshows\n{expected}\nand prints\n{done.stdout}"


def sessions(text):
    """(command, expected output) for each `$ ` line and what follows it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    for part in parts[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = command[:-1] + more
        yield command, expected


@pytest.mark.parametrize("page", SNIPPETS)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert ((ROOT / page).parent / target).exists(), f"{page} links to {target}, which is not there"
