"""The file of a result: what came out, and of what, so that somebody else can find the same or find out why not.

    {"task": "retrieval",
     "metrics": {"image_retrieval_recall@1": 0.304, …},
     "model": {"name": …, "weights": digest, "preparation": …, "dtype": …, "device": …},
     "data": {"test": {"name": …, "digest": …, "pictures": 5000, "failed": [{"input": …, "error": …, "reason": …}]}},
     "settings": {…},
     "versions": {"lexel": …, "numpy": …, "pillow": …, "python": …, "safetensors": …, "torch": …}}

No times and no places: the same evaluation on one machine writes the same bytes.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from lexel import __version__
from lexel.autoencoders._autoencoder import Autoencoder
from lexel.disk import commit_bytes
from lexel.evals.reading import Read
from lexel.towers._backbone import Backbone

PACKAGES = ("numpy", "pillow", "safetensors", "torch")


@dataclass(frozen=True)
class Result:
    """One evaluation.

    task       "retrieval", "zero-shot", "clipscore", "linear probe", "k-NN probe", "reconstruction"
    metrics    by their published names
    model      name, digest of the weights, how it prepares pictures, dtype and device
    data       what was looked at, by what it was for: "train", "test"
    settings   everything else that changes the metrics
    versions   of the libraries
    """

    task: str
    metrics: Mapping[str, float]
    model: Mapping[str, str]
    data: Mapping[str, Mapping[str, object]]
    settings: Mapping[str, object]
    versions: Mapping[str, str]

    @classmethod
    def of(
        cls,
        task: str,
        metrics: Mapping[str, float],
        model: Backbone | Autoencoder,
        data: Mapping[str, Mapping[str, object]],
        **settings: object,
    ) -> "Result":
        """The result of `model`, with what is known of this machine's libraries. `data` as `seen` gives it."""
        weights = next(model.parameters())
        about = {
            "name": model.name,
            "weights": model.digest,
            "preparation": repr(model.preparation),
            "dtype": str(weights.dtype).removeprefix("torch."),
            "device": weights.device.type,
        }
        versions = {"lexel": __version__, "python": platform.python_version()}
        return cls(task, metrics, about, data, settings, versions | {name: version(name) for name in PACKAGES})

    def text(self) -> str:
        """The document."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the document, whole or not at all. Raises `OutputError`."""
        commit_bytes(path, self.text().encode())


def seen(name: str, read: Read, **more: object) -> dict[str, object]:
    """What a result says of pictures that were read: the name as it was typed, and what became of them."""
    failed = [{"input": refusal.name, "error": refusal.error, "reason": refusal.reason} for refusal in read.failed]
    return {"name": name, "digest": read.digest, "pictures": len(read.kept), **more, "failed": failed}
