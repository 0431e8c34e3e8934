"""The reference models, made once."""

import pytest
from loading.references import WHOLE, noisy, saved


@pytest.fixture(scope="session")
def references(tmp_path_factory):
    """Each whole model and the folder that it was saved in."""
    made = {}
    for kind, build in WHOLE.items():
        model = noisy(build())
        made[kind] = model, saved(model, tmp_path_factory.mktemp(kind))
    return made


@pytest.fixture(scope="session")
def clip(references):
    return references["clip"]
