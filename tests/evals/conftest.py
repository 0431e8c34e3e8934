"""A tiny dual encoder, the model of `transformers` that it equals, and settings for both."""

import pytest
from towers.duals import dual
from towers.peers import SIDE, clip_peer, our_clip

from lexel.pictures.published import clip as clip_preparation


@pytest.fixture(scope="session")
def peer():
    return clip_peer()


@pytest.fixture(scope="session")
def clip(peer):
    return dual(peer, our_clip(peer), clip_preparation(SIDE))
