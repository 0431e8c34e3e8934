"""Left of the torch line everything imports without torch, and `import lexel` loads NumPy and Pillow at most."""

import json
import subprocess
import sys

import pytest
from house.plan import DOORS, FILES, TORCH, WHOLE, imports, module_of, room_of

from lexel.needs import EXTRAS

TORCH_FREE = [file for file in FILES if not TORCH.get(room_of(file))]

WITHOUT_TORCH = """
import importlib, json, sys
sys.modules["torch"] = None
failed = {}
for module in json.loads(sys.argv[1]):
    try:
        importlib.import_module(module)
    except BaseException as error:
        failed[module] = repr(error)
print(json.dumps(failed))
"""

LOADED = """
import json, sys
before = set(sys.modules)
import lexel
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(names - set(sys.stdlib_module_names))))
"""


def python(code: str, *arguments: str) -> object:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_every_file_left_of_the_line_imports_without_torch() -> None:
    modules = [module_of(file) for file in TORCH_FREE if file not in WHOLE]
    assert python(WITHOUT_TORCH, json.dumps(modules)) == {}


def test_import_lexel_loads_numpy_and_pillow_at_most() -> None:
    assert set(python(LOADED)) <= {"lexel", "numpy", "PIL"}  # type: ignore[call-overload]


@pytest.mark.parametrize("file", [file for file in FILES if file != "needs.py"])
def test_extras_come_from_needs_alone(file: str) -> None:
    for found in imports(file):
        assert not found.runs or found.module.split(".")[0] not in EXTRAS, (
            f"src/lexel/{file}:{found.line} imports {found.module}: write `from lexel.needs import …`, which turns "
            "its absence into an error that names the extra"
        )


@pytest.mark.parametrize("file", TORCH_FREE)
def test_torch_is_asked_for_in_doors_alone(file: str) -> None:
    for found in imports(file):
        if found.module == "lexel.needs.torch":
            assert file in DOORS, (
                f"src/lexel/{file}:{found.line} needs torch: name it in `door` of house.toml, or move it"
            )
            assert file in WHOLE or not found.at_once, (
                f"src/lexel/{file}:{found.line}: a door imports torch inside the function"
            )


def test_every_door_is_there_and_says_why() -> None:
    for file, reason in DOORS.items():
        assert file in FILES, f"the door {file} of house.toml is not there"
        assert len(reason.split()) > 3, f"the door {file} of house.toml needs a reason"
