"""What the docs take from the code is what the code says today."""

import runpy

import pytest
from house.plan import ROOT

PAGES = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_generated_page_is_current(page):
    assert page.read_text(encoding="utf-8") == PAGES[page], "run `make docs`"
