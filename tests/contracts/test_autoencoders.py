"""Every family of autoencoders: the contract of tokenizers, on a tiny published model that the loader read."""

import pytest
from autoencoders.light import diffusion, plain, vae, vqvae
from autoencoders.peers import bare, dc, dvae, janus, kl, saved, vq, vqvae2
from autoencoders.published import cosmos, magvit2, titok, var

from lexel.errors import BadArguments
from lexel.loading.load import load, save
from lexel.pipelines.compose import pipeline
from lexel.testing import TOKENIZER_CHECKS

AUTOENCODERS = {
    "autoencoder_kl": lambda folder: saved(kl(), folder),
    "dcae": lambda folder: saved(dc(), folder),
    "vqgan": lambda folder: saved(vq(), folder),
    "by_direction": lambda folder: saved(janus(), folder),
    "dvae": lambda folder: bare(dvae(), folder),
    "vqvae2": lambda folder: bare(vqvae2(), folder),
    "vqvae": lambda folder: written(vqvae(), folder),
    "vae": lambda folder: written(vae(), folder),
    "autoencoder": lambda folder: written(plain(), folder),
    "diffusion": lambda folder: written(diffusion(), folder),
    "cosmos": lambda folder: bare(cosmos(widths=(64,)), folder),
    "magvit2": lambda folder: bare(magvit2((32, 32, 32), blocks=1), folder),
    "var": lambda folder: bare(var((32,)), folder),
    "titok": lambda folder: bare(titok(first=False), folder),
}

by_family = pytest.mark.parametrize("family", AUTOENCODERS)


def written(model, folder):
    save(model, folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Each family's model, loaded once."""
    return {family: load(write(tmp_path_factory.mktemp(family))) for family, write in AUTOENCODERS.items()}


@by_family
@pytest.mark.parametrize("check", TOKENIZER_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_an_autoencoder_is_a_tokenizer(models, family, check):
    check(models[family])


@by_family
def test_nothing_can_stand_inside_an_autoencoder(models, family):
    with pytest.raises(BadArguments, match="nothing can stand inside"):
        pipeline(f"{models[family].name}[tome(r=1)]")
