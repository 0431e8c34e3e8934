import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures.samples import encode, photo, pixels, tar

from lexel.errors import BadArguments, PictureError, Truncated
from lexel.pictures.header import Limits
from lexel.pictures.picture import Picture, Refusal, Source
from lexel.pictures.read import read

JPEG = encode(photo(8, 8), "JPEG")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, data in {"a.jpg": JPEG, "b.jpg": JPEG[:-1], "c.txt": b"text", "d.png": encode(photo(), "PNG")}.items():
        (tmp_path / "d" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "d" / name).write_bytes(data)
    return tmp_path / "d"


def test_skip_leaves_bad_ones_out_and_raise_stops_at_the_first(folder: Path) -> None:
    assert [p.name for p in read("d", on_error="skip")] == ["d/a.jpg", "d/d.png"]
    found = iter(read("d"))
    assert next(found).name == "d/a.jpg"
    with pytest.raises(Truncated) as refused:
        next(found)
    assert (refused.value.subject, refused.value.reason) == ("d/b.jpg", "the end marker is missing")


def test_what_is_no_picture_does_not_raise(folder: Path) -> None:
    (folder / "b.jpg").unlink()
    assert [p.name for p in read("d")] == ["d/a.jpg", "d/d.png"]


def test_outcomes_account_for_every_input(folder: Path) -> None:
    lines = [(o.name, "done" if isinstance(o, Picture) else (o.status, o.error)) for o in read("d").outcomes()]
    assert lines == [
        ("d/a.jpg", "done"),
        ("d/b.jpg", ("failed", "Truncated")),
        ("d/c.txt", ("skipped", "NotAPicture")),
        ("d/d.png", "done"),
    ]


def test_sources_decoded_on_threads_are_the_outcomes(folder: Path) -> None:
    pictures = read("d", tar([("x.jpg", JPEG)]))
    sources = list(pictures.sources())
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda s: s if isinstance(s, Refusal) else pictures.outcome(s), sources))
    for one, other in zip(threaded, pictures.outcomes(), strict=True):
        assert one.name == other.name
        assert isinstance(one, Refusal) == isinstance(other, Refusal)
        if isinstance(one, Picture) and isinstance(other, Picture):
            assert np.array_equal(one.pixels, other.pixels)
        else:
            assert one == other


def test_pictures_are_read_again_each_time_and_see_what_is_new(folder: Path) -> None:
    pictures = read("d", on_error="skip")
    assert len(list(pictures)) == len(list(pictures)) == 2
    (folder / "e.jpg").write_bytes(JPEG)
    assert len(list(pictures)) == 3


def test_an_iterator_is_drained_so_that_it_can_be_read_again(folder: Path) -> None:
    pictures = read(path for path in [folder / "a.jpg", folder / "d.png"])
    assert len(list(pictures)) == len(list(pictures)) == 2


def test_nothing_is_opened_before_the_first_picture_is_asked_for() -> None:
    pictures = read("absent.jpg")
    with pytest.raises(PictureError, match=r"absent\.jpg: cannot be read"):
        next(iter(pictures))


def test_a_file_that_vanishes_meanwhile_is_one_failed_input(folder: Path) -> None:
    sources = read("d").sources()
    source = next(sources)
    assert isinstance(source, Source)
    (folder / "a.jpg").unlink()
    refusal = read("d").outcome(source)
    assert isinstance(refusal, Refusal)
    assert (refusal.name, refusal.status, refusal.error) == ("d/a.jpg", "failed", "PictureError")


def test_settings_reach_the_decoder() -> None:
    data = encode(photo(640, 480), "JPEG")
    (small,) = read(data, shrink=80)
    assert (small.pixels.shape, small.size) == ((160, 120, 3), (640, 480))
    (refusal,) = read(data, limits=Limits(pixels=1_000)).outcomes()
    assert isinstance(refusal, Refusal)
    assert refusal.error == "TooManyPixels"


@pytest.mark.parametrize("settings", [{"on_error": "ignore"}, {"color": "rgb"}, {"shrink": 0}])
def test_an_unknown_setting_is_refused_at_once(settings: dict[str, object], unchecked_shapes: None) -> None:
    with pytest.raises(BadArguments, match=next(iter(settings))):
        read("d", **settings)


def test_pictures_can_be_sent_to_another_process(folder: Path) -> None:
    pictures = pickle.loads(pickle.dumps(read("d", on_error="skip", shrink=9)))
    assert [p.name for p in pictures] == ["d/a.jpg", "d/d.png"]


def test_a_refusal_is_its_error_again() -> None:
    error = Truncated("cut", subject="a.jpg", hint="send it again")
    refusal = Refusal.of(error)
    assert refusal == Refusal("a.jpg", "failed", "Truncated", "cut", "send it again")
    assert str(refusal.exception()) == str(error)
    assert Refusal.of(Truncated("cut"), "b.jpg").name == "b.jpg"


def test_values_show_themselves_without_their_bytes() -> None:
    (picture,) = read(JPEG)
    assert len(repr(picture)) < 200
    assert repr(Source("a", JPEG)) == "Source(name='a')"


def test_the_fingerprint_is_that_of_the_job(folder: Path) -> None:
    first = read("d").fingerprint()
    assert len(first) == 32
    assert first == read("d").fingerprint() == read("d", on_error="skip").fingerprint()
    others = {
        first,
        read("./d").fingerprint(),
        read("d", shrink=9).fingerprint(),
        read("d", color="srgb").fingerprint(),
        read("d", limits=Limits(pixels=9)).fingerprint(),
        read("d", "d").fingerprint(),
        read("d/a.jpg").fingerprint(),
        read("absent.jpg").fingerprint(),
    }
    assert len(others) == 8
    status = (folder / "a.jpg").stat()
    os.utime(folder / "a.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    changed = read("d").fingerprint()
    assert changed not in others
    (folder / "e.jpg").write_bytes(JPEG)
    assert read("d").fingerprint() not in {*others, changed}


def test_the_fingerprint_of_values_in_memory_is_their_content() -> None:
    values = [JPEG, JPEG[:-1], pixels(), pixels(seed=1), photo(), photo(8, 8), np.zeros((2, 2))]
    prints = [read(value).fingerprint() for value in values]
    assert len(set(prints)) == len(prints)
    assert prints == [read(value).fingerprint() for value in values]


def test_the_fingerprint_opens_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "broken.tar").write_bytes(b"text")
    monkeypatch.setattr("builtins.open", None)
    assert read("d").fingerprint() == read("d").fingerprint()


def test_the_number_of_inputs_is_known_before_one_is_opened_except_of_archives(tmp_path):
    for name in ("a.png", "b.txt", "c.jpg"):
        (tmp_path / name).write_bytes(b"")
    assert read(tmp_path).expected() == 3
    assert read([]).expected() == 0
    (tmp_path / "d.tar").write_bytes(b"")
    assert read(tmp_path).expected() is None
