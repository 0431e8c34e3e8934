"""Names become folders: what is here is used, what is not is fetched, and nothing is asked of a network that is off."""

import json
from types import SimpleNamespace

import huggingface_hub
import pytest
from loading.references import features, same

from lexel.errors import LoadError, Offline, OutputError, UnknownName
from lexel.loading import hub
from lexel.loading.load import load
from lexel.settings import settings

REPO = "org/tiny"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Homes of one test alone, and the network allowed."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("LEXEL_HOME", str(tmp_path / "lexel"))
    monkeypatch.delenv("HF_HUB_OFFLINE")


@pytest.fixture
def remote(monkeypatch, clip_folder):
    """A hub that holds the tiny CLIP beside files that nobody should fetch; answers what was fetched."""
    fetched = []
    files = {file.name: file.stat().st_size for file in clip_folder.iterdir()}
    files |= {"pytorch_model.bin": 10, "README.md": 10, "tf_model.h5": 10, "onnx/model.onnx": 10}

    def model_info(self, repo, *, revision, files_metadata):
        siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in files.items()]
        return SimpleNamespace(sha="c0ffee", siblings=siblings)

    def download(repo, file, *, revision, cache_dir):
        fetched.append(file)
        path = cache_dir / "models--org--tiny" / "snapshots" / revision / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((clip_folder / file).read_bytes())
        return str(path)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    return fetched


@pytest.fixture
def clip_folder(references):
    return references["clip"][1]


def fails(monkeypatch, error):
    def model_info(self, repo, **how):
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)


def http_error(kind):
    """An error of the hub's client; its constructor wants a response."""
    error = kind.__new__(kind)
    Exception.__init__(error, "no")
    return error


def test_a_model_is_fetched_once_and_its_size_said(remote, clip_folder, capsys):
    model = load(REPO)
    size = sum((clip_folder / name).stat().st_size for name in ("config.json", "model.safetensors"))
    assert capsys.readouterr().err == f"fetching org/tiny: 2 files, {size / 1e6:,.1f} MB\n"
    assert remote == ["config.json", "model.safetensors"]
    assert same(features(load(REPO)), features(model))
    assert remote == ["config.json", "model.safetensors"]
    assert (REPO, hub.cached(REPO)) in hub.here()


def test_what_was_fetched_is_used_offline(remote, monkeypatch):
    hub.fetch(REPO)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load(REPO).name == REPO
    with pytest.raises(Offline, match="org/other is not on this machine, and HF_HUB_OFFLINE forbids"):
        load("org/other")


def test_what_was_fetched_by_halves_is_fetched_again(remote):
    folder = hub.fetch(REPO)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "a.safetensors"}}))
    assert hub.cached(REPO) is None
    load(REPO)
    assert hub.cached(REPO) == folder


def test_a_revision_is_another_model(remote):
    hub.fetch(REPO)
    assert hub.cached(REPO, "v2") is None
    assert load(f"{REPO}@v2").name == f"{REPO}@v2"
    assert hub.cached(REPO, "v2") is not None
    assert hub.cached(REPO, "c0ffee") is not None


@pytest.mark.parametrize("kind", ["RepositoryNotFoundError", "RevisionNotFoundError", "GatedRepoError"])
def test_a_model_that_the_hub_does_not_give_is_an_unknown_name(kind, monkeypatch):
    fails(monkeypatch, http_error(getattr(huggingface_hub.errors, kind)))
    with pytest.raises(UnknownName, match="the hub has no open model org/tiny at main") as caught:
        load(REPO)
    assert caught.value.exit == 2


@pytest.mark.parametrize(
    "error", [ConnectionError("address"), TimeoutError(), http_error(huggingface_hub.errors.HfHubHTTPError)]
)
def test_a_hub_that_cannot_be_reached_is_offline(error, monkeypatch):
    fails(monkeypatch, error)
    with pytest.raises(Offline, match="org/tiny is not on this machine, and the hub cannot be reached") as caught:
        load(REPO)
    assert caught.value.exit == 5
    assert "address" not in str(caught.value)


def test_a_full_disk_is_an_output_error(monkeypatch):
    fails(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(OutputError, match="No space left"):
        load(REPO)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["model.safetensors", "open_clip_model.safetensors", "config.json"], ["config.json", "model.safetensors"]),
        (["open_clip_model.safetensors", "a.bin"], ["open_clip_model.safetensors"]),
        (
            [
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "other-00001-of-00002.safetensors",
            ],
            [
                "model.safetensors.index.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ],
        ),
    ],
)
def test_one_set_of_weights_is_wanted(files, expected):
    assert hub.wanted(files, REPO) == expected


def test_a_repository_of_pickles_alone_is_refused():
    with pytest.raises(LoadError, match="org/tiny: has no safetensors on the hub; lexel fetches no pickles"):
        hub.wanted(["config.json", "pytorch_model.bin"], REPO)


def test_openclips_names_are_repositories():
    assert hub.repository("open_clip:ViT-B-32/laion2b_s34b_b79k")[0] == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    with pytest.raises(UnknownName, match=r"no model ViT-B-32/laion2b.*\ndid you mean ViT-B-32/laion2b"):
        hub.repository("open_clip:ViT-B-32/laion2b")


@pytest.mark.parametrize("name", ["clip", "a/b/c", "a b/c", "", "other:ViT", "org/name@"])
def test_a_text_that_names_no_model_is_refused(name):
    with pytest.raises(UnknownName, match="names no model"):
        hub.checkpoint(name)


def test_a_model_that_was_added_comes_before_the_hubs(remote, clip_folder):
    folder = settings().home / "models" / REPO
    folder.mkdir(parents=True)
    for file in clip_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    load(REPO)
    assert remote == []
    assert (REPO, folder) in hub.here()


def test_a_model_is_published_in_one_commit(monkeypatch, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    sent = []

    def create_repo(self, repo, *, private, exist_ok):
        sent.append((repo, private, exist_ok))
        return f"hub/{repo}"

    def create_commit(self, repo, operations, *, commit_message):
        sent.append({one.path_in_repo: one.path_or_fileobj for one in operations})

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(huggingface_hub.HfApi, "create_commit", create_commit)
    files = {"model.safetensors": tmp_path / "model.safetensors", "README.md": b"# card"}
    assert hub.publish(files, REPO, private=True) == "hub/org/tiny"
    assert sent == [(REPO, True, True), {"README.md": b"# card", "model.safetensors": str(files["model.safetensors"])}]


def test_nothing_is_published_where_it_must_not(monkeypatch):
    def create_repo(self, repo, **how):
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    error = http_error(huggingface_hub.errors.HfHubHTTPError)
    with pytest.raises(UnknownName, match="does not let us write to org/tiny: no\nHF_TOKEN"):
        hub.publish({}, REPO)
    error = ConnectionError("no")
    with pytest.raises(Offline, match="org/tiny: the hub cannot be reached"):
        hub.publish({}, REPO)
    for name in ("tiny", "org/tiny@main"):
        with pytest.raises(UnknownName, match="names no repository"):
            hub.publish({}, name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Offline, match="HF_HUB_OFFLINE forbids"):
        hub.publish({}, REPO)


def test_what_comes_with_lexel_is_here_without_a_network(monkeypatch):
    fails(monkeypatch, AssertionError("nobody asks the hub"))
    folder = hub.checkpoint("lexel/emoji-demo").folder
    assert ("lexel/emoji-demo", folder) in hub.here()
    assert hub.fetch("lexel/emoji-demo") == folder
    with pytest.raises(UnknownName, match="no model lexel/emoji comes with lexel") as caught:
        load("lexel/emoji")
    assert caught.value.hint == "did you mean lexel/emoji-demo?"
