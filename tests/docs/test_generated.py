"""What the docs take from the code is what the code says today."""

import re
import runpy

import pytest
from house.plan import ROOT

PAGES = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_generated_page_is_current(page):
    written, made = (re.sub(r"\| \d+\.\d+ \|", "| ms |", text) for text in (page.read_text("utf-8"), PAGES[page]))
    assert written == made, "run `make docs`"
