"""Three tiny dual encoders, made once a file."""

import pytest
from towers.duals import dual
from towers.peers import PATCH, SIDE, clip_peer, naflex_peer, our_clip, our_siglip, siglip_peer

from lexel.pictures.published import clip as clip_preparation
from lexel.pictures.published import naflex as naflex_preparation
from lexel.pictures.published import siglip as siglip_preparation


@pytest.fixture(scope="module")
def clip_model():
    peer = clip_peer()
    return dual(peer, our_clip(peer), clip_preparation(SIDE))


@pytest.fixture(scope="module")
def siglip_model():
    peer = siglip_peer()
    return dual(peer, our_siglip(peer), siglip_preparation(SIDE), biased=True)


@pytest.fixture(scope="module")
def naflex_model():
    peer = naflex_peer()
    return dual(peer, our_siglip(peer, naflex=True), naflex_preparation(PATCH, 16), biased=True)
