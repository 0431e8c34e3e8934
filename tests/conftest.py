"""What every test stands on: shapes are checked, the environment is clean, and `--method` picks one method's tests."""

import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# `lexel.shapes` reads the variable when it is imported; then it goes, so that a child process starts as a user's would.
os.environ["LEXEL_CHECK_SHAPES"] = "1"
install_import_hook("lexel", "beartype.beartype")
importlib.import_module("lexel.shapes")
del os.environ["LEXEL_CHECK_SHAPES"]

from lexel.pipelines import registry  # noqa: E402

ROOT = Path(__file__).parent.parent

# The same examples on every machine: a suite that fails must fail again.
settings.register_profile("lexel", deadline=None, derandomize=True)
settings.load_profile("lexel")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No plug-in, no network, no colour, 100 columns, and a home that nobody else uses."""
    for name in [name for name in os.environ if name.startswith(("LEXEL_", "HF_", "XDG_"))]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    for name, value in {
        "COLUMNS": "100",
        "HF_HOME": str(home / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HOME": str(home),
        "LEXEL_HOME": str(home / "lexel"),
        "LEXEL_PLUGINS": "0",
        "NO_COLOR": "1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def unchecked_shapes() -> Iterator[None]:
    """Shapes unchecked, as users run: for tests that hand over something wrong on purpose."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--method", metavar="NAME", help="only the contract, the head and the own tests of one method")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the method's own file, and those whose parameters name it."""
    name = config.getoption("--method")
    if name is None:
        return
    homes = [room for room in registry.ROOMS if (ROOT / "src" / "lexel" / room / f"{name}.py").is_file()]
    if not homes:
        raise pytest.UsageError(f"no method {name!r}: write src/lexel/{{{','.join(registry.ROOMS)}}}/{name}.py")
    own = ROOT / "tests" / homes[0] / f"test_{name}.py"
    if not own.is_file():
        raise pytest.UsageError(f"the method {name!r} has no test: write tests/{homes[0]}/test_{name}.py")
    kept = [item for item in items if item.path == own or name in _parameters(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _parameters(item: pytest.Item) -> list[str]:
    """The words in the brackets of a test's name: `test_heads[reducers/tome.py]` → reducers, tome, py."""
    return re.findall(r"\w+", item.name.partition("[")[2])
