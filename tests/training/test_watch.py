"""Who watches a run says how it goes, in lines where nobody sees a terminal, and keeps the log whole."""

import io

import pytest

from lexel.drawing.terminal import console
from lexel.errors import TrainingError
from lexel.settings import Settings
from lexel.training.log import Log
from lexel.training.watch import EVERY, LINES, Course, Watching

COURSE = Course("birds", "pairs", steps=200, batch=64, pairs=1000, warmup=10)
LOSSES = {"loss": 2.4, "scale": 14.3, "images_alike": 0.2, "texts_alike": 0.1}
FACTS = {"learning_rate": 4.1e-4, "gradient": 1.0}
MEASURES = {"image_retrieval_recall@1": 0.31, "text_retrieval_recall@1": 0.3, "image_retrieval_recall@5": 0.6}


class Clock:
    """A second goes by whenever somebody looks."""

    def __init__(self, tick=1.0):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def screen(tmp_path):
    """Somebody who watches, the text that it wrote so far, and its log."""

    def made(course=COURSE, file=None, tick=1.0):
        file = file or io.StringIO()
        talk = console(Settings(tmp_path, tmp_path, columns=100, color=False), file)
        log = Log(tmp_path / "log.jsonl")
        return Watching(course, log, tmp_path / "curve.html", talk, clock=Clock(tick)), file, log

    return made


def test_a_run_is_told_in_lines_where_there_is_no_terminal(screen):
    watch, said, _ = screen()
    with watch:
        watch.measured(0, MEASURES)
        for step in range(1, 61):
            watch.step(step, LOSSES, FACTS)
        watch.measured(60, {**MEASURES, "image_retrieval_recall@1": 0.29})
    lines = said.getvalue().splitlines()
    assert lines[0].split("  ")[-2:] == ["R@1 text → picture 31.0 %", "R@1 picture → text 30.0 %"]
    state = "loss 2.400 · temperature 14.3 · R@1 31.0 % · rate 4.1e-04"
    assert lines[1] == f"29 of 200 steps · 64 pairs/s · 2 min 51 s left · {state}"
    assert len([line for line in lines if " of 200 steps" in line]) == 60 / EVERY + 1
    assert " ".join(lines[-2].split()) == "60 loss 2.400 R@1 text → picture 29.0 % R@1 picture → text 30.0 %"


def test_codes_and_their_judge_are_told_beside_the_loss(screen):
    watch, said, _ = screen(Course("cells", "squares", steps=200, batch=64, pairs=1000, warmup=10))
    codes = {"used": 0.831, "dead": 169.0, "perplexity": 402.3, "judge": 0.62, "fooled": 0.1, "listens": 0.2}
    with watch:
        watch.measured(0, {"psnr": 23.414, "used": 0.4, "perplexity": 90.0})
        for step in range(1, 61):
            watch.step(step, {"loss": 0.021, "l2": 0.021} | codes, FACTS)
    line = next(line for line in said.getvalue().splitlines() if " of 200 steps" in line)
    assert "64 squares/s" in line
    state = (
        "loss 0.021 · codes used 83.1 % · dead codes 169 · perplexity 402 · judge 0.62 · PSNR 23.41 dB · rate 4.1e-04"
    )
    assert line.endswith(state)


def test_every_step_of_a_short_run_stands_in_the_log_and_few_of_a_long_one(screen):
    watch, _, log = screen()
    with watch:
        for step in range(1, 6):
            watch.step(step, LOSSES, FACTS)
    told = log.history().numbers
    assert [at["step"] for at in told] == [1, 2, 3, 4, 5]
    assert told[-1].items() >= (LOSSES | FACTS | {"samples_per_second": 64.0, "seconds": 5.0}).items()
    log.cut(-1)
    watch, _, log = screen(Course("a", "pairs", steps=10 * LINES + 1, batch=64, pairs=1000, warmup=10))
    with watch:
        for step in range(1, 26):
            watch.step(step, LOSSES, FACTS)
    assert [at["step"] for at in log.history().numbers] == [10, 20]


def test_a_run_that_goes_on_takes_back_lost_steps_and_remembers_the_rest(screen):
    watch, _, log = screen()
    with watch:
        watch.measured(0, MEASURES)
        for step in range(1, 8):
            watch.step(step, LOSSES, FACTS)
    watch, said, log = screen()
    with watch:
        for step in range(5, 40):
            watch.step(step, LOSSES, FACTS)
    told = log.history()
    assert [at["step"] for at in told.numbers] == list(range(1, 40))
    assert told.measures == [(0, MEASURES)]
    assert told.numbers[4]["seconds"] == told.numbers[3]["seconds"] + 1
    assert "R@1 31.0 %" in said.getvalue()


def test_a_run_that_begins_again_has_a_log_of_its_own(screen):
    watch, _, log = screen()
    log.add(0, measures={"old": 1.0})
    log.add(1, loss=9.0)
    with watch:
        watch.measured(0, {})
    assert list(log) == []


def test_failures_are_said_and_logged_and_drawn(screen, tmp_path):
    watch, said, log = screen()
    with watch:
        for step in range(1, 70):
            watch.step(step, LOSSES | {"scale": 100.0}, FACTS)
    [(step, name, _)] = log.history().failures
    assert (step, name) == (60, "temperature stuck")
    assert "temperature stuck. Cosines are multiplied by 100" in said.getvalue()
    assert "temperature stuck" in (tmp_path / "curve.html").read_text(encoding="utf-8")


def test_numbers_that_are_not_finite_are_a_failure_with_a_name(screen):
    watch, _, log = screen()
    with watch:
        watch.step(1, LOSSES, FACTS)
    with pytest.raises(TrainingError), watch:
        raise TrainingError("step 2: not finite: loss nan")
    assert log.history().failures == [(1, "not finite", "step 2: not finite: loss nan")]


def test_use_of_the_machine_is_said_where_its_peak_is_known(screen):
    course = Course("a", "pairs", steps=200, batch=64, pairs=1000, warmup=10, flops=3e12, peak=1e13)
    watch, said, _ = screen(course)
    with watch:
        for step in range(1, 4):
            watch.step(step, LOSSES, FACTS)
    assert said.getvalue() == "3 of 200 steps · 64 pairs/s · MFU 30 % · 3 min 17 s left\n"


def test_a_terminal_has_two_lines_that_change_and_gets_them_back(screen):
    watch, said, _ = screen(file=Terminal())
    with watch:
        watch.measured(0, MEASURES)
        watch.step(1, LOSSES, FACTS)
        watch.step(2, LOSSES, FACTS)
    text = said.getvalue()
    assert "2 of 200 steps · 64 pairs/s" in text
    assert "loss 2.400 · temperature 14.3 · R@1 31.0 % · rate 4.1e-04" in text
    assert text.rstrip().endswith("3 min 18 s left")
    assert "\x1b[?25h" in text  # the cursor is shown again
