"""New models begin as the published ones did, and are read by everybody who reads those."""

import math

import numpy as np
import pytest
import torch
import transformers
from tolerances import close
from training.small import CAPTIONS, IMAGE, TEXT, Drawings, batch, dual, words

from lexel.errors import BadArguments, LoadError
from lexel.loading.load import load, save
from lexel.training import fresh, initial
from lexel.training.fresh import ImageSizes, PainterSizes, TextSizes

WIDE = ImageSizes(32, 8, 192, 2, 3), TextSizes(16, 128, 3, 2)
transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def spread(parameter):
    return parameter.detach().std(correction=0).item()


def test_a_new_clip_begins_as_openais():
    model = fresh.dual(*WIDE, words(), embed_dim=64, seed=3)
    image, text = model.image, model.text
    block, read = image.transformer.blocks[1], text.transformer.blocks[1]
    assert model.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    for parameter, deviation in {
        text.words.weight: 0.02,
        text.positions: 0.01,
        read.attention.qkv.weight: 128**-0.5,
        read.attention.out.weight: 128**-0.5 * 6**-0.5,
        read.mlp.fc1.weight: 256**-0.5,
        read.mlp.fc2.weight: 128**-0.5 * 6**-0.5,
        text.projection.weight: 128**-0.5,
        image.positions: 192**-0.5,
        image.projection.weight: 192**-0.5,
        image.patches.weight: (3 * 192) ** -0.5,
        block.attention.out.weight: (3 * 192) ** -0.5,
        block.mlp.fc1.weight: (3 * 192) ** -0.5,
        block.mlp.fc2.weight: (3 * 768) ** -0.5,
        block.mlp.fc2.bias: (3 * 768) ** -0.5,
    }.items():
        assert spread(parameter) == pytest.approx(deviation, rel=0.1)
    assert not read.mlp.fc1.bias.any()
    assert not block.attention.qkv.bias.any()
    assert (block.norm1.weight == 1).all()


def test_the_image_tower_of_a_new_clip_begins_as_torch_makes_layers():
    theirs = torch.nn.MultiheadAttention(192, 3)
    model = fresh.dual(*WIDE, words())
    ours = model.image.transformer.blocks[0].attention.qkv.weight
    assert spread(ours) == pytest.approx(spread(theirs.in_proj_weight), rel=0.05)
    assert ours.abs().max().item() == pytest.approx(theirs.in_proj_weight.abs().max().item(), rel=0.01)


def test_a_new_siglip_begins_as_transformers_begins_one():
    """But for scale and bias, which it leaves at 0, and for what is cut at two deviations, which it cuts elsewhere."""
    model = fresh.dual(*WIDE, words("pieces"), loss="siglip")
    assert (model.logit_scale.item(), model.logit_bias.item()) == (pytest.approx(math.log(10)), -10)
    sizes = {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 2, "num_attention_heads": 3}
    reading = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = transformers.SiglipConfig(
        vision_config=sizes | {"image_size": 32, "patch_size": 8},
        text_config=reading | {"vocab_size": 40, "max_position_embeddings": 16, "projection_size": 192},
    )
    torch.manual_seed(0)
    theirs = transformers.SiglipModel(config)
    seen, read = theirs.vision_model, theirs.text_model
    block, ours = seen.encoder.layers[0], model.image.transformer.blocks[0]
    for parameter, other in {
        ours.attention.out.weight: block.self_attn.out_proj.weight,
        ours.mlp.fc1.weight: block.mlp.fc1.weight,
        ours.mlp.fc1.bias: block.mlp.fc1.bias,
        model.image.positions: seen.embeddings.position_embedding.weight,
        model.text.words.weight: read.embeddings.token_embedding.weight,
        model.text.positions: read.embeddings.position_embedding.weight,
    }.items():
        assert spread(parameter) == pytest.approx(spread(other), rel=0.1)
    for cut, inputs in ((model.image.patches.weight, 192), (model.text.projection.weight, 128)):
        assert spread(cut) == pytest.approx(inputs**-0.5, rel=0.05)
        assert cut.abs().max().item() == pytest.approx(2 * inputs**-0.5 / initial.CUT, rel=0.01)
    keys = ours.attention.qkv.weight.chunk(3)[1]
    assert spread(keys) == pytest.approx(spread(block.self_attn.k_proj.weight), rel=0.05)


def test_a_new_mae_has_the_published_positions_and_does_not_learn_them():
    model = fresh.mae(ImageSizes(32, 8, 24, 2, 3), PainterSizes(16, 1, 2))
    for placed, width in ((model.image.positions, 24), (model.image.decoder.positions, 16)):
        assert close(placed.detach(), [[0] * width] + [place(x, y, width) for y in range(4) for x in range(4)])
    fixed = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert fixed == {"image.positions", "image.decoder.positions"}
    assert spread(model.image.class_token) == pytest.approx(0.02, rel=0.5)


def place(x, y, width):
    """As published: the first half says the column, the second the row; sines, then cosines."""
    rates = [1 / 10_000 ** (i / (width / 4)) for i in range(width // 4)]
    return [wave(along * rate) for along in (x, y) for wave in (math.sin, math.cos) for rate in rates]


@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_the_seed_says_every_number(loss):
    made = [fresh.dual(IMAGE, TEXT, words(), loss=loss, seed=seed).state_dict() for seed in (1, 1, 2)]
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    assert not torch.equal(made[0]["image.positions"], made[2]["image.positions"])


def test_a_parameter_that_nobody_thought_of_is_an_error():
    with pytest.raises(KeyError, match="weight"):
        initial.begin(torch.nn.Linear(2, 2), initial.NORMS, seed=0)


@pytest.mark.parametrize("loss", ["clip", "siglip"])
def test_a_new_model_is_saved_and_read_by_lexel_and_by_transformers(loss, tmp_path):
    model = fresh.dual(IMAGE, TEXT, words("bytes" if loss == "clip" else "pieces"), loss=loss, seed=5)
    save(model, tmp_path)
    model.eval()
    again = load(tmp_path)
    drawings = [Drawings().picture(i) for i in range(3)]
    assert again.preparation == model.preparation
    assert np.array_equal(again.embed(drawings), model.embed(drawings))
    assert np.array_equal(again.embed(CAPTIONS), model.embed(CAPTIONS))

    theirs = (transformers.CLIPModel if loss == "clip" else transformers.SiglipModel).from_pretrained(tmp_path).eval()
    spell = transformers.AutoTokenizer.from_pretrained(tmp_path)
    given = batch(model, 3)
    ids = model.text.arrange(given.words, model.speller.pad)
    for ours, caption in zip(ids, CAPTIONS, strict=False):
        said = spell(caption).input_ids
        assert ours.tolist()[: len(said)] == said
    with torch.no_grad():
        assert close(model.image.pooled(model.encode_pixels(given.pixels)), theirs.get_image_features(given.pixels)[1])
        for row, text in enumerate(ids):
            read = theirs.get_text_features(input_ids=text[None])[1][0]
            assert close(model.text.pooled(model.text.encode_ids(ids), ids)[row], read)
    assert theirs.logit_scale.item() == model.logit_scale.item()


def test_a_new_mae_is_saved_and_read_by_lexel_and_by_transformers(tmp_path):
    model = fresh.mae(ImageSizes(16, 4, 24, 2, 3), PainterSizes(16, 1, 2), norm_pix_loss=True)
    save(model, tmp_path)
    pixels = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    again = load(tmp_path)
    assert again.image.config == model.image.config
    theirs, said = transformers.ViTMAEForPreTraining.from_pretrained(tmp_path, output_loading_info=True, mask_ratio=0.0)
    assert not said["missing_keys"]
    assert theirs.config.norm_pix_loss
    with torch.no_grad():
        read = theirs.vit(pixels, noise=torch.arange(16.0).expand(2, -1)).last_hidden_state.flatten(0, 1)
        assert close(again.encode_pixels(pixels).x, read)


def test_what_is_trained_is_told_by_its_name():
    model = fresh.dual(IMAGE, TEXT, words())
    for what, some in {
        "text": "text.words.weight",
        "image": "image.positions",
        "projection": "text.projection.weight",
    }.items():
        learned = {name for name, p in fresh.trained(model, what).named_parameters() if p.requires_grad}
        assert {some, "logit_scale"} <= learned
        assert ("image.positions" in learned) == (what == "image")
    assert all(parameter.requires_grad for parameter in fresh.trained(model, "all").parameters())


def test_what_is_locked_keeps_its_statistics_and_what_is_not_has_dropout():
    model = dual(dropout=0.1)
    model.image.norm_out = torch.nn.BatchNorm1d(24)
    locked = fresh.trained(model, "text")
    assert not locked.image.norm_out.training
    assert locked.text.transformer.blocks[0].mlp.training
    assert all(part.training for part in locked.modules() if isinstance(part, torch.nn.Dropout))
    assert fresh.trained(model, "image").image.norm_out.training


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: fresh.dual(ImageSizes(16, 4, 25, 2, 3), TEXT, words()), "25 is no multiple of 3 heads"),
        (lambda: fresh.dual(ImageSizes(18, 4, 24, 2, 3), TEXT, words()), "18 pixels a side are no multiple of patches"),
        (
            lambda: fresh.dual(IMAGE, TEXT, words("pieces"), loss="siglip", embed_dim=8),
            "as wide as its image tower: 24",
        ),
        (lambda: fresh.mae(ImageSizes(16, 4, 27, 2, 3)), "multiples of 4, not 27"),
    ],
)
def test_sizes_that_do_not_go_together_are_refused(make, why):
    with pytest.raises(BadArguments, match=why):
        make()


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(BadArguments, match=r"has no tokenizer\.json"):
        fresh.dual(IMAGE, TEXT, tmp_path)


def test_pieces_are_no_words_of_clip(unchecked_shapes):
    with pytest.raises(LoadError, match="this is no byte-pair tokenizer"):
        fresh.dual(IMAGE, TEXT, words("pieces"))
