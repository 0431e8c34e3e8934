"""What the environment says, read once into one frozen record.

    LEXEL_HOME       where lexel keeps its own files; default: the XDG data folder
    LEXEL_PLUGINS    0 turns third-party methods off
    HF_HOME          where Hugging Face keeps models
    HF_HUB_OFFLINE   1: never touch the network
    NO_COLOR         anything: no colours
    COLUMNS          width of tables and progress

Nothing else reads `os.environ`: code that cares takes a `Settings`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The environment that lexel runs in."""

    home: Path
    hf_home: Path
    offline: bool = False
    plugins: bool = True
    color: bool = True
    columns: int | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read a mapping such as `os.environ`; unusable values count as absent."""
        home = environment.get("LEXEL_HOME") or _user_folder("user_data_path")
        cache = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        columns = environment.get("COLUMNS", "")
        return cls(
            home=Path(home),
            hf_home=Path(environment.get("HF_HOME") or Path(cache) / "huggingface"),
            offline=environment.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"},
            plugins=environment.get("LEXEL_PLUGINS", "1") != "0",
            color=not environment.get("NO_COLOR"),
            columns=int(columns) if columns.isdecimal() and int(columns) > 0 else None,
        )


def settings() -> Settings:
    """The settings of this process, read afresh: tests and services change their environment."""
    return Settings.of(os.environ)


def _user_folder(name: str) -> Path:
    import platformdirs  # 5 ms, and only a command that keeps something asks

    return Path(getattr(platformdirs, name)("lexel"))
