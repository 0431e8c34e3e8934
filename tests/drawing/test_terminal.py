"""The terminal: tables of a known width, names that cannot harm, progress, previews."""

import io
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexel.drawing.marks import Drawing, Raster
from lexel.drawing.terminal import console, duration, escaped, pace, preview, progress, table
from lexel.drawing.views import View
from lexel.settings import Settings


class File(io.TextIOWrapper):
    """A file in memory."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8", newline="")

    def text(self):
        self.flush()
        return self.buffer.getvalue().decode()


class Screen(File):
    def isatty(self):
        return True


def settings(**changed):
    return Settings(home=Path("home"), hf_home=Path("hf"), **changed)


@pytest.fixture
def terminal(monkeypatch):
    """Makes a console on a terminal of 256 colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR")
    return lambda **changed: console(settings(columns=100, **changed), Screen())


@given(st.text())
def test_an_escaped_name_is_one_visible_line(name):
    shown = escaped(name)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    if name.isprintable():
        assert shown == name


def test_control_and_bidi_characters_are_spelled_out():
    assert escaped("a\nb\x1b[31m\u202egpj.jpg") == r"a\nb\x1b[31m\u202egpj.jpg"
    assert escaped("Zoë 日本.jpg") == "Zoë 日本.jpg"


def test_a_table_is_as_wide_as_the_settings_say():
    out = console(settings(columns=30), File())
    table(out, ["name", "tokens"], [["a.jpg", "1,024"], ["[red]b\x1b" + "c" * 30, "9"]], right=[1])
    assert out.file.text().splitlines() == [
        "name                    tokens",
        "a.jpg                    1,024",
        "[red]b\\x1bcccccccccccc       9",
        "cccccccccccccccccc            ",
    ]


def test_where_nobody_says_how_wide_a_pipe_is_100_columns():
    assert console(settings(), File()).width == 100


def test_no_color_means_none(terminal):
    assert terminal().color_system == "256"
    assert terminal(color=False).color_system is None
    assert console(settings(), File()).color_system is None


def test_pace_leaves_out_what_nobody_can_know():
    assert pace(0, 500, 0.0, "pictures") == "0 of 500 pictures"
    assert pace(120, 500, 5.0, "pictures") == "120 of 500 pictures · 24.0/s · 16 s left"
    assert pace(1500, None, 10.0, "inputs") == "1,500 inputs · 150.0/s"
    assert pace(500, 500, 20.8, "pictures") == "500 of 500 pictures · 24.0/s"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (250.0, "4 min 10 s"), (7500.0, "2 h 5 min")]
)
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said


def test_progress_into_a_file_is_a_line_now_and_then_and_one_at_the_end():
    times = iter([0.0, 1.0, 6.0, 7.0, 8.0])
    out = console(settings(columns=20), File())
    with progress(out, 30, clock=lambda: next(times)) as advance:
        for _ in range(3):
            advance(10)
    assert out.file.text().splitlines() == ["20 of 30 pictures · 3.3/s · 3 s left", "30 of 30 pictures · 3.8/s"]


def test_progress_on_a_terminal_is_one_line_that_goes(terminal):
    out = terminal(color=False)
    with progress(out, 4, clock=lambda: 0.0) as advance:
        advance(4)
    assert "0 of 4 pictures" in out.file.text()
    assert out.file.text().endswith("4 of 4 pictures\n")


def view(title, colour):
    pixels = np.full((20, 40, 3), colour, np.uint8)
    return View(title, f"All {title}.", Drawing(20, 40, (Raster(pixels, (0, 0, 40, 20)),)))


def test_a_preview_shows_two_pixels_a_character_where_there_is_colour(terminal):
    out = terminal()
    preview(out, [view("red", (255, 0, 0)), view("blue", (0, 0, 255))])
    lines = out.file.text().splitlines()
    assert lines[0].count("▀") == 80
    assert sum("▀" in line for line in lines) == 10
    assert "38;5;196;48;5;196" in lines[0]


def test_a_preview_without_colour_is_its_captions():
    out = console(settings(columns=80), File())
    preview(out, [view("red", (255, 0, 0))])
    assert out.file.text() == "red  All red.\n\n"
