"""TiTok: folders and files of both releases against their steps, one by one; what is refused."""

import json

import numpy as np
import pytest
import torch
from autoencoders.literal import Literal
from autoencoders.peers import bare
from autoencoders.published import titok
from tolerances import close

from lexel.autoencoders._maskgit import MaskGIT, MaskGITDecoder
from lexel.autoencoders.titok import TiTokConfig, TiTokNetwork
from lexel.contracts.making import make_picture
from lexel.errors import BadArguments, LoadError, MissingKeys, TokensError
from lexel.loading.load import load, save
from lexel.tokens.meaning import Kind
from lexel.towers._config import Blocks

F = torch.nn.functional

SAID = {"num_latent_tokens": 6, "token_size": 5, "codebook_size": 37, "vit_enc_patch_size": 8, "vit_dec_patch_size": 8}
OF_RELEASE = {
    True: {"finetune_decoder": True, "use_l2_norm": True},
    False: {"finetune_decoder": False, "is_legacy": False, "use_l2_norm": False},
}


def written(state, folder, first, **more):
    """A folder as its repository writes it."""
    config = {"model": {"vq_model": SAID | OF_RELEASE[first] | more}, "dataset": {"preprocessing": {"crop_size": 32}}}
    (bare(state, folder) / "config.json").write_text(json.dumps(config))
    return folder


class Steps(Literal):
    """The published network, a call a line."""

    def linear(self, x, name, joint="."):
        return x @ self.state[f"{name}{joint}weight"].T + self.state[f"{name}{joint}bias"]

    def layer_norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def transformer(self, patches, queries, half, heads):
        x = torch.cat([self.state[f"{half}.class_embedding"].expand(len(patches), 1, -1), patches], 1)
        x = x + self.state[f"{half}.positional_embedding"]
        queries = queries + self.state[f"{half}.latent_token_positional_embedding"]
        x = self.layer_norm(torch.cat([x, queries], 1), f"{half}.ln_pre")
        layer = 0
        while f"{half}.transformer.{layer}.ln_1.weight" in self.state:
            where = f"{half}.transformer.{layer}"
            y = self.linear(self.layer_norm(x, f"{where}.ln_1"), f"{where}.attn.in_proj", "_")
            q, k, v = (part.unflatten(2, (heads, -1)).transpose(1, 2) for part in y.chunk(3, 2))
            weights = (q @ k.transpose(2, 3) / q.shape[3] ** 0.5).softmax(3)
            x = x + self.linear((weights @ v).transpose(1, 2).flatten(2), f"{where}.attn.out_proj")
            y = F.gelu(self.linear(self.layer_norm(x, f"{where}.ln_2"), f"{where}.mlp.c_fc"))
            x = x + self.linear(y, f"{where}.mlp.c_proj")
            layer += 1
        return self.layer_norm(x, f"{half}.ln_post")

    def encode(self, x, first):
        patches = self.conv(x, "encoder.patch_embed", stride=8, padding=0).flatten(2).transpose(1, 2)
        queries = self.state["latent_tokens"].expand(len(x), -1, -1)
        found = self.transformer(patches, queries, "encoder", 1)[:, -6:]
        fake = found.reshape(len(x), 64, 6, 1) if first else found.transpose(1, 2)[..., None]
        return self.conv(fake, "encoder.conv_out").reshape(len(x), 5, 1, 6)

    def codes(self, latents, first):
        rows, book = (
            latents.permute(0, 2, 3, 1).reshape(-1, 5).double(),
            self.state["quantize.embedding.weight"].double(),
        )
        if first:
            rows, book = F.normalize(rows), F.normalize(book)
        return torch.cdist(rows, book).argmin(1), book.float()

    def decode(self, vectors, first):
        b, side = len(vectors), 4
        patches = self.state["decoder.mask_token"].expand(b, side**2, -1)
        queries = self.linear(vectors, "decoder.decoder_embed")
        seen = self.transformer(patches, queries, "decoder", 2)[:, 1:17].transpose(1, 2).unflatten(2, (side, side))
        y = self.conv(seen, "decoder.ffn.0")
        if first:
            chances = self.conv(y.tanh(), "decoder.ffn.2").softmax(1)
            return self.painted(torch.einsum("bkhw,kd->bdhw", chances, self.state["pixel_quantize.embedding.weight"]))
        squares = torch.einsum("bpqchw->bchpwq", y.unflatten(1, (8, 8, 3))).reshape(b, 3, 32, 32)
        return self.conv(squares, "decoder.conv_out")

    def painted(self, x):
        x = self.blocks(self.conv(x, "pixel_decoder.conv_in"), "pixel_decoder.mid")
        for level in (3, 2, 1, 0):
            x = self.blocks(x, f"pixel_decoder.up.{level}.block")
            if level:
                x = self.conv(self.larger(x), f"pixel_decoder.up.{level}.upsample_conv")
        return self.conv(self.swish(self.norm(x, "pixel_decoder.norm_out")), "pixel_decoder.conv_out")

    def res(self, x, name):
        """MaskGIT's: the shortcut is of what the convolutions gave."""
        y = self.conv(self.swish(self.norm(x, f"{name}.norm1")), f"{name}.conv1")
        y = self.conv(self.swish(self.norm(y, f"{name}.norm2")), f"{name}.conv2")
        return y + (self.conv(y, f"{name}.nin_shortcut") if f"{name}.nin_shortcut.weight" in self.state else x)


def shown(count=3):
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("write", [written, lambda state, folder, first: bare(state, folder)], ids=["folder", "bare"])
def test_titok_equals_the_literal_steps(first, write, tmp_path):
    state = titok(first)
    ours, literal, x = load(write(state, tmp_path, first)), Steps(state), shown()
    with torch.no_grad():
        latents = literal.encode(x, first)
        assert close(ours.image.encode(x), latents[:, :, 0].mT)
        codes, book = literal.codes(latents, first)
        seen = ours.encode_pixels(x)
        assert torch.equal(seen.x, codes)
        assert seen.counts == (6, 6, 6)
        assert len(codes.unique()) > 4
        assert close(torch.stack(ours.decode_pixels(seen)), literal.decode(book[codes].view(3, 6, 5), first))


def test_the_first_release_reads_its_queries_in_a_wrong_order(tmp_path):
    state = titok(first=True)
    model = load(bare(state, tmp_path))
    with torch.no_grad():
        encoder = model.image.encoder
        patches = encoder.patches(shown())[0].view(3, 16, -1)
        found = encoder.seen(patches, model.image.queries.expand(3, -1, -1))[:, -6:]
        flat = found.flatten(1)  # number c · T + t of the T vectors is taken for channel c of token t
        mixed = torch.stack([flat[:, t::6] for t in range(6)], 1)
        assert close(model.image.encode(shown()), encoder.out(mixed.flatten(0, 1)).view(3, 6, 5))
        assert not torch.allclose(model.image.encode(shown()), encoder.out(found.flatten(0, 1)).view(3, 6, 5), atol=0.1)


SIZES = {"small": Blocks(512, 8, 8, 2048), "base": Blocks(768, 12, 12, 3072), "large": Blocks(1024, 24, 16, 4096)}
COUNTS = {
    "small": (25_769_484, 26_951_680),
    "base": (85_880_076, 88_046_080),
    "large": (303_410_188, 306_822_144),
}


@pytest.mark.parametrize("size", SIZES)
def test_titok_has_the_published_number_of_parameters(size):
    blocks = SIZES[size]
    with torch.device("meta"):
        network = TiTokNetwork(
            TiTokConfig(
                encoder=blocks,
                decoder=blocks,
                edge=256,
                patches=(16, 16),
                tokens=32,
                codebook_size=4096,
                dim=12,
                cosine=True,
                maskgit=MaskGIT(),
            )
        )
        pixels = sum(value.numel() for value in MaskGITDecoder(MaskGIT()).parameters())
    halves = [sum(value.numel() for value in half.parameters()) for half in (network.encoder, network.decoder)]
    assert pixels == 30_478_339
    assert (halves[0], halves[1] - pixels - 1024 * 256) == COUNTS[size]


@pytest.fixture(scope="module", params=[True, False], ids=["first", "later"])
def model(request, tmp_path_factory):
    return load(bare(titok(request.param), tmp_path_factory.mktemp("titok")))


def test_tokens_have_no_place_and_their_order_counts(model):
    pictures = [make_picture(40, 60), make_picture(32, 32, seed=1)]
    tokens = model.tokenize(pictures)
    assert tokens.counts.tolist() == [6, 6]
    assert (tokens.kind == Kind.QUERY).all()
    assert tokens.pictures.grids.tolist() == [[0, 0], [0, 0]]
    assert np.allclose(tokens.boxes[:6], [[1 / 6, 0, 5 / 6, 1]])
    assert np.array_equal(tokens.boxes[6:], [[0, 0, 1, 1]] * 6)
    back = model.detokenize(tokens)
    assert [picture.pixels.shape for picture in back] == [(32, 48, 3), (32, 32, 3)]
    with torch.inference_mode():
        prepared, _ = model.preparation.prepare(pictures[1])
        pixels = model.decode_pixels(model.encode_pixels(torch.from_numpy(prepared)[None]))[0]
    assert np.abs(back[1].pixels - (pixels.clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()).max() <= 1
    other = model.detokenize(tokens[1].with_(data=tokens[1].data[::-1].copy()))
    assert not np.array_equal(other[0].pixels, back[1].pixels)
    with pytest.raises(TokensError, match=r"a picture has 6 tokens, all in their order; these have \[5, 6\]"):
        model.detokenize(tokens.where(np.arange(12) != 3))


def test_pictures_have_one_size(model):
    with pytest.raises(BadArguments, match="pictures are 32 × 32, not 40 × 32"):
        model.encode_pixels(torch.zeros(1, 3, 40, 32))
    with pytest.raises(BadArguments, match="pictures have one size here, 32, not 64"):
        model.tokenize([make_picture(8, 8)], size=64)


def test_what_lexel_saves_it_loads(tmp_path):
    state = titok(first=False, codes=11, widths=(512, 512), layers=(8, 8))
    model = load(bare(state, tmp_path / "bare"))
    save(model, tmp_path / "saved")
    said = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert said["model"]["vq_model"] | OF_RELEASE[False] | {"vit_enc_model_size": "small"} == said["model"]["vq_model"]
    again = load(tmp_path / "saved")
    assert again.image.config == model.image.config
    assert again.preparation == model.preparation
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters(), strict=True))


def test_sizes_without_a_name_are_not_saved(model, tmp_path):
    with pytest.raises(LoadError, match="no published layout holds"):
        save(model, tmp_path)


WRONG = {
    "num_latent_tokens is 7, the tensors say 6": {"num_latent_tokens": 7},
    "its latents are no codes": {"quantize_mode": "vae"},
    "is_legacy and finetune_decoder are not what its tensors say": {"is_legacy": False},
    "the encoder has 2 layers of 64 and is said to be 'large'": {"vit_enc_model_size": "large"},
}


@pytest.mark.parametrize("message", WRONG)
def test_settings_that_are_not_of_its_tensors_are_refused(message, tmp_path):
    with pytest.raises(LoadError, match=message):
        load(written(titok(first=True), tmp_path, True, **WRONG[message]))


def test_tensors_that_are_no_titok_are_refused(tmp_path):
    state = titok(first=True)
    guided = bare(state | {"decoder.text_guidance_proj.weight": torch.zeros(64, 8)}, tmp_path / "guided")
    with pytest.raises(MissingKeys, match=r"no place in this model, the first is 'decoder.text_guidance_proj.weight'"):
        load(guided)
    uneven = bare(state | {"encoder.positional_embedding": torch.zeros(19, 64)}, tmp_path / "uneven")
    with pytest.raises(LoadError, match=r"encoder.positional_embedding has 18 patches, no square"):
        load(uneven)
    coarser = bare(titok(first=True, patch=16), tmp_path / "coarser")
    with pytest.raises(LoadError, match="patches of 16 pixels become 8 in its decoder"):
        load(coarser)
