"""The only network in lexel: a name → a folder on this machine, and a folder → a name.

    ./folder, /folder, a Path       that folder; never the network
    lexel/name                      what comes with lexel; never the network
    org/name, org/name@revision     what `models add` keeps (LEXEL_HOME), what Hugging Face keeps (HF_HOME), else
                                    fetched from the hub
    open_clip:NAME/TAG              the hub's name of an OpenCLIP model
    publish(files, "org/name")      the other way, when somebody asks for it

What is there already is used without asking the hub whether it has changed: `models get` asks. Only files that lexel
reads are fetched, never a pickle, and their size is said before. `HF_HUB_OFFLINE=1` forbids all of it.
"""

import errno
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lexel import shipped
from lexel.carets import nearest
from lexel.disk import commit_bytes
from lexel.errors import LexelError, LoadError, Offline, OutputError, UnknownName
from lexel.loading.files import CONFIGS, INDEX, WEIGHTS, Checkpoint
from lexel.settings import settings

NAME = re.compile(r"(?P<repo>[\w][\w.-]*/[\w][\w.-]*)(@(?P<revision>[\w][\w./-]*))?")

WORDS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
)
SMALL = (*CONFIGS, "preprocessor_config.json", "processor_config.json", *WORDS)

DISK = {errno.ENOSPC, errno.EACCES, errno.EPERM, errno.EROFS, errno.EDQUOT}


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def checkpoint(name: str | Path) -> Checkpoint:
    """The checkpoint that a name means, fetched where it has to be.

    Raises `UnknownName` for a text that names no model and a model that the hub does not have, `Offline` where it
    would have to be fetched and cannot, `LoadError` for a path without a checkpoint.
    """
    if isinstance(name, Path) or name.startswith((".", "/", "~")):
        return Checkpoint.of(Path(name).expanduser(), str(name))
    repo, revision = repository(name)
    own = shipped.models().get(repo, added(repo))
    return Checkpoint(own if own.is_dir() else cached(repo, revision) or fetch(repo, revision), name)


def repository(name: str) -> tuple[str, str]:
    """The repository and revision that a name means. Raises `UnknownName` for a text that names no model."""
    repo = _openclip(name.removeprefix("open_clip:")) if name.startswith("open_clip:") else name
    found = NAME.fullmatch(repo)
    if not found:
        hint = f"org/name is a model of the hub, ./{name} a folder, open_clip:NAME/TAG a model of OpenCLIP"
        raise UnknownName(f"{name!r} names no model", hint=hint)
    return found["repo"], found["revision"] or "main"


def here() -> list[tuple[str, Path]]:
    """Every model on this machine that a name means without the network, and its folder; by name."""
    homes = (settings().hf_home / "hub").glob("models--*--*")
    fetched = {home.name.removeprefix("models--").replace("--", "/"): home.name for home in homes}
    found = {repo: folder for repo in fetched if (folder := cached(repo))}
    found |= {"/".join(path.parts[-2:]): path for path in (settings().home / "models").glob("*/*") if path.is_dir()}
    return sorted((found | shipped.models()).items())


def added(repo: str) -> Path:
    """Where `models add` keeps a model of that name."""
    return settings().home / "models" / repo


def cached(repo: str, revision: str = "main") -> Path | None:
    """The folder of a model that was fetched before, whole; None where it was not."""
    home = _home(repo)
    reference = home / "refs" / revision
    commit = reference.read_text(encoding="ascii").strip() if reference.is_file() else revision
    folder = home / "snapshots" / commit
    if not any((folder / file).is_file() for file in CONFIGS):
        return None
    try:
        return folder if all(path.is_file() for path, _ in Checkpoint(folder, repo).weights()) else None
    except LoadError:
        return None


def fetch(repo: str, revision: str = "main", *, say: Callable[[str], None] = _say) -> Path:
    """Fetch what lexel reads of a model of the hub, and return its folder. What is there already is not fetched again.

    What comes with lexel is there. Raises `Offline`, `UnknownName` for a model or revision that is not there or not
    open, `LoadError` for one without safetensors, `OutputError` for a full disk.
    """
    if repo.startswith("lexel/"):
        if repo not in shipped.models():
            raise UnknownName(f"no model {repo} comes with lexel", hint=nearest(repo, shipped.models()))
        return shipped.models()[repo]
    if settings().offline:
        raise Offline(f"{repo} is not on this machine, and HF_HUB_OFFLINE forbids to fetch it")
    from lexel.needs import huggingface_hub as hub

    try:
        info = hub.HfApi().model_info(repo, revision=revision, files_metadata=True)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        files = wanted(list(sizes), repo)
        say(f"fetching {repo}: {len(files)} files, {sum(sizes[file] for file in files) / 1e6:,.1f} MB")
        cache = _home(repo).parent
        paths = [Path(hub.hf_hub_download(repo, file, revision=info.sha, cache_dir=cache)) for file in files]
        commit_bytes(_home(repo) / "refs" / revision, info.sha.encode())  # last: with it, the model counts as whole
    except (hub.errors.RepositoryNotFoundError, hub.errors.RevisionNotFoundError) as error:
        hint = "a private or gated one needs HF_TOKEN"
        raise UnknownName(f"the hub has no open model {repo} at {revision}", hint=hint) from error
    except LexelError:
        raise
    except OSError as error:
        if error.errno in DISK:
            raise OutputError(error.strerror or type(error).__name__, subject=repo) from error
        raise Offline(f"{repo} is not on this machine, and the hub cannot be reached") from error
    except Exception as error:  # the client's own: it has changed from requests to httpx and on, without a common base
        raise Offline(f"{repo} is not on this machine, and the hub cannot be reached") from error
    return paths[0].parent


def publish(files: Mapping[str, Path | bytes], repo: str, *, private: bool = False) -> str:
    """Put files into a repository of the hub, in one commit, and return its address. It is made where it is not there.

    files   content, or the file that has it, by the name it gets there

    Raises `UnknownName` for a text that names no repository or one that is not ours to write, `Offline`.
    """
    if not NAME.fullmatch(repo) or "@" in repo:
        raise UnknownName(f"{repo!r} names no repository", hint="org/name is one")
    if settings().offline:
        raise Offline(f"{repo} is on the hub, and HF_HUB_OFFLINE forbids to go there")
    from lexel.needs import huggingface_hub as hub

    try:
        api = hub.HfApi()
        address = api.create_repo(repo, private=private, exist_ok=True)
        added = [hub.CommitOperationAdd(name, content) for name, content in sorted(files.items())]
        api.create_commit(repo, added, commit_message="Model and card, by lexel")
    except hub.errors.HfHubHTTPError as error:
        reason = f"the hub does not let us write to {repo}: {str(error).splitlines()[0]}"
        raise UnknownName(
            reason, hint="HF_TOKEN holds a token that may write, of somebody who may write there"
        ) from error
    except Exception as error:  # see `fetch`
        raise Offline(f"{repo}: the hub cannot be reached") from error
    return str(address)


def wanted(files: Sequence[str], repo: str) -> list[str]:
    """Which files of a repository lexel reads: settings, words, and one set of weights."""
    small = [file for file in SMALL if file in files]
    for weights in WEIGHTS:
        if weights in files:
            return [*small, weights]
        if weights + INDEX in files:
            stem = weights.removesuffix(".safetensors")
            shards = sorted(file for file in files if re.fullmatch(rf"{stem}-\d+-of-\d+\.safetensors", file))
            return [*small, weights + INDEX, *shards]
    raise LoadError("has no safetensors on the hub; lexel fetches no pickles", subject=repo)


def _home(repo: str) -> Path:
    return settings().hf_home / "hub" / f"models--{repo.replace('/', '--')}"


def _openclip(name: str) -> str:
    """The repository of an OpenCLIP model: `ViT-B-32/laion2b_s34b_b79k` → `laion/CLIP-ViT-B-32-laion2B-s34B-b79K`."""
    table = tomllib.loads(Path(__file__).with_name("open_clip.toml").read_text(encoding="utf-8"))
    known: dict[str, str] = {f"{model}/{tag}": repo for model, tags in table.items() for tag, repo in tags.items()}
    if name not in known:
        raise UnknownName(f"OpenCLIP has no model {name} that lexel knows", hint=nearest(name, known))
    return known[name]
