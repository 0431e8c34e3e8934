"""What the seeded makers make is accounted for, file by file, and within the memory that is promised."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from hostile.pictures_maker import Entry, bombs, made

from lexel.pictures.picture import Picture
from lexel.pictures.read import read

PROMISED = 512 << 20  # bytes at the peak, for every refusal

CHILD = """
import json, pathlib, resource, sys
from lexel.pictures.picture import Picture
from lexel.pictures.read import read
for outcome in read(sys.argv[1]).outcomes():
    print(json.dumps([outcome.name, "done" if isinstance(outcome, Picture) else outcome.error]))
if sys.platform == "linux":  # getrusage counts the parent's memory there
    print(int(pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def put(entries: Iterable[Entry], folder: Path) -> dict[str, str]:
    """Write the entries; {name: what must become of it}."""
    wanted = {}
    for name, data, want in entries:
        (folder / name).write_bytes(data)
        wanted[name] = want
    return wanted


def check(wanted: dict[str, str], found: list[tuple[str, str]]) -> None:
    """Every file is accounted for, and none ends as it must not."""
    assert {name.partition("!")[0] for name, _ in found} == set(wanted)
    wrong = {"accept": lambda end: end != "done", "reject": lambda end: end == "done", "either": lambda end: False}
    assert [(name, end) for name, end in found if wrong[wanted[name.partition("!")[0]]](end)] == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_file_of_a_hostile_folder_is_accounted_for(seed: int, tmp_path: Path) -> None:
    wanted = put(made(seed), tmp_path)
    outcomes = read(tmp_path).outcomes()
    check(
        wanted, [(o.name.removeprefix(f"{tmp_path}/"), "done" if isinstance(o, Picture) else o.error) for o in outcomes]
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(wanted)  # nothing was unpacked


def test_bombs_are_refused_within_the_promised_memory(tmp_path: Path) -> None:
    wanted = put(bombs(), tmp_path)
    child = subprocess.run([sys.executable, "-W", "error", "-c", CHILD, tmp_path], capture_output=True, check=True)
    *lines, peak = child.stdout.decode().splitlines()
    check(wanted, [(name.removeprefix(f"{tmp_path}/"), end) for name, end in map(json.loads, lines)])
    assert int(peak) < PROMISED
    assert child.stderr == b""
