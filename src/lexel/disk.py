"""Atomic commit: a file is there whole, or not at all.

    write to a temporary name beside it → fsync → rename → fsync(folder)

This is the only way that lexel writes a file, or a folder of them, that somebody will read again. `lock` keeps two
writers apart.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from lexel.errors import OutputError

TEMPORARY = ".partial-"  # what a killed writer leaves begins so


@contextlib.contextmanager
def commit(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path to write to; when the block ends well it becomes `path`, else it is gone.

    Folders on the way are made. Raises `OutputError` when the disk is full or may not be written.

        with commit("tokens.safetensors") as temporary:
            temporary.write_bytes(data)
    """
    path = Path(path)
    temporary = path.with_name(f"{_leftover(path)}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch()
        mode = temporary.stat().st_mode  # what the umask gives; a writer that replaces the file may give less
        yield temporary
        temporary.chmod(mode)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(_why(error), subject=str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def commit_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder to write files into; when the block ends well it becomes `path`, else it is gone.

    `path` must not be there yet. Raises `OutputError` when the disk is full or may not be written.
    """
    path = Path(path)
    temporary = path.with_name(f"{_leftover(path)}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        for file in sorted(temporary.iterdir()):
            with open(file, "rb+") as written:
                os.fsync(written.fileno())
        _sync_folder(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(_why(error), subject=str(path)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def commit_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with commit(path) as temporary:
        temporary.write_bytes(data)


def sweep(*paths: str | os.PathLike[str]) -> None:
    """Remove what killed writers of these files left. Call it only while nobody else may write them (`lock`)."""
    for path in map(Path, paths):
        for leftover in path.parent.glob(f"{_leftover(path)}*"):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            with contextlib.suppress(OSError):
                leftover.unlink()


@contextlib.contextmanager
def lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold `path` as a lock file. A lock whose owner (pid and start time) is gone is stale and taken over.

    Raises `OutputError` when another live process holds it.
    """
    path = Path(path)
    owner = f"{os.getpid()} {_started(os.getpid())}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(8):  # two processes may find the same stale lock at once
            try:
                with open(path, "x", encoding="ascii") as file:
                    file.write(owner)
                break
            except FileExistsError:
                if not _stale(path):
                    raise OutputError("another lexel is writing here", subject=str(path.parent)) from None
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
        else:
            raise OutputError("another lexel is writing here", subject=str(path.parent))
    except OSError as error:
        raise OutputError(_why(error), subject=str(path)) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _leftover(path: Path) -> str:
    """How the temporary names of `path` begin: a digest, because a name may be as long as names can be."""
    return f"{TEMPORARY}{hashlib.blake2b(os.fsencode(path.name), digest_size=6).hexdigest()}-"


def _stale(path: Path) -> bool:
    try:
        pid, started = path.read_text(encoding="ascii").split(" ", 1)
    except (OSError, ValueError):
        return True  # gone meanwhile, or its writer died before the first byte
    return not pid.isdecimal() or started != _started(int(pid))


def _started(pid: int) -> str:
    """When process `pid` began: a pid alone is given out again. "" where no such process runs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:  # systems without /proc: a live pid is all that can be known
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "alive"
    return "alive"


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder; its rename is durable with the file's fsync
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
