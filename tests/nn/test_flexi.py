"""Patches of another size see what patches saw: equal products with resized patches, and the towers that take them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from PIL import Image
from tolerances import close
from towers.peers import PATCH, SIDE, clip_peer, our_clip, our_siglip, siglip_peer
from towers.test_clip import pixels
from towers.vit_peers import BLOCKS, our_vit, vit_peer

from lexel.errors import BadArguments
from lexel.nn.flexi import pi_resize, with_patch_size
from lexel.nn.loaded import changed
from lexel.towers._modified_resnet import ModifiedResNet, ResNetConfig
from lexel.towers.vit import ViTConfig, ViTImage

BICUBIC, BILINEAR = Image.Resampling.BICUBIC, Image.Resampling.BILINEAR

kernels = pytest.mark.parametrize("kernel", [BICUBIC, BILINEAR], ids=["bicubic", "bilinear"])


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def resized(x, side, kernel):
    """One channel [P, P] as the pipeline of pictures resizes it, in floats."""
    height, width = side if isinstance(side, tuple) else (side, side)
    return np.asarray(Image.fromarray(x.numpy()).resize((width, height), kernel))


@kernels
@pytest.mark.parametrize(("old", "new"), [(8, 8), (8, 9), (8, 12), (8, 16), (16, 48), (4, 30)])
def test_a_larger_patch_has_the_product_that_the_patch_had(old, new, kernel):
    weight, patches = drawn(5, 3, old, old), drawn(7, 3, old, old, seed=1)
    larger = torch.tensor(np.array([[resized(x, new, kernel) for x in patch] for patch in patches]))
    flexible = pi_resize(weight, new, kernel)
    assert flexible.shape == (5, 3, new, new)
    assert close(larger.flatten(1) @ flexible.flatten(1).T, patches.flatten(1) @ weight.flatten(1).T)


@kernels
@pytest.mark.parametrize(("old", "new"), [(3, 5), (5, 3), (4, 4)])
def test_the_resize_equals_the_inverse_of_the_whole_matrix(old, new, kernel):
    """Literal: every picture of one pixel resized, and the inverse of the o² × n² numbers taken as one matrix."""
    pictures = np.eye(old * old, dtype=np.float32).reshape(-1, old, old)
    matrix = np.array([resized(torch.tensor(one), new, kernel).ravel() for one in pictures], np.float64).T  # [n², o²]
    weight = drawn(2, 3, old, old)
    expected = np.linalg.pinv(matrix).T @ weight.double().flatten(2).mT.numpy()  # [2, n², 3]
    ours = pi_resize(weight.double(), new, kernel)
    assert close(ours.flatten(2).mT, expected, tolerance=1e-6)  # Pillow's matrices are float32


@kernels
def test_patches_of_the_same_size_keep_their_weights(kernel):
    weight = drawn(5, 3, 16, 16)
    assert close(pi_resize(weight, 16, kernel), weight, tolerance=1e-7)


@kernels
@pytest.mark.parametrize("new", [4, 12, 16])
def test_resizing_the_weights_like_a_picture_is_worse(new, kernel):
    """Smaller patches too, where nothing is exact."""
    weight, patches = drawn(16, 3, 8, 8), drawn(64, 3, 8, 8, seed=1)
    other = torch.tensor(np.array([[resized(x, new, kernel) for x in patch] for patch in patches]))
    naive = torch.tensor(np.array([[resized(x, new, kernel) for x in row] for row in weight]))
    wanted = patches.flatten(1) @ weight.flatten(1).T
    errors = [(other.flatten(1) @ w.flatten(1).T - wanted).norm() for w in (pi_resize(weight, new, kernel), naive)]
    assert errors[0] < (0.95 if new < 8 else 1e-3) * errors[1]


def test_the_inverse_is_taken_in_float64_and_rounded_once():
    """In float32 the inverse and the products would each add their own rounding."""
    weight, axis = drawn(4, 3, 32, 32), resized(torch.eye(32), (48, 32), BICUBIC)
    expected, rough = (np.linalg.pinv(axis.astype(dtype)) for dtype in (np.float64, np.float32))
    expected, rough = (inverse.T @ weight.numpy() @ inverse for inverse in (expected, rough))
    errors = [
        np.abs(ours - expected).max() / np.abs(expected).max()
        for ours in (pi_resize(weight, 48, BICUBIC).numpy(), rough)
    ]
    assert errors[0] < 6e-8 < 2e-7 < errors[1]


@pytest.mark.parametrize("side", [8, 10, 12, 15, 16, 20, 24, 30, 40, 48])
def test_tokens_are_as_many_as_patches_of_the_new_size(side):
    image = ViTImage(ViTConfig(BLOCKS, patch_size=16, grid=15))
    flexible = with_patch_size(image, side, BICUBIC)
    packed = flexible.encode_pixels(torch.zeros(1, 3, 240, 240))
    assert packed.counts == (1 + (240 // side) ** 2,)
    assert (flexible.cell, flexible.config.patch_size) == (side, side)


def test_all_weights_are_shared_but_those_of_patches_and_positions():
    image = our_vit(vit_peer())
    flexible = with_patch_size(image, 14, BICUBIC)
    old, new = image.state_dict(), flexible.state_dict()
    other = {name for name, value in new.items() if value.data_ptr() != old[name].data_ptr()}
    assert other == {"patches.weight", "positions"}
    assert flexible.positions.shape == (1 + 4, 32)
    assert image.patches.patch_size == image.cell == PATCH


def test_positions_are_those_that_the_tower_would_have_stretched_to_the_new_raster():
    image = our_vit(vit_peer(distilled=True), distilled=True)
    flexible = with_patch_size(image, 4, BICUBIC)
    assert flexible.config.grid == SIDE // 4
    assert torch.equal(flexible.positions[:2], image.positions[:2])
    assert torch.equal(flexible.positions[2:], image.config.resampling(image.positions[2:], (7, 7)))


@pytest.mark.parametrize(
    "tower", [lambda: our_vit(vit_peer()), lambda: our_clip(clip_peer())[0], lambda: our_siglip(siglip_peer())[0]]
)
def test_a_picture_of_enlarged_patches_gives_the_tokens_of_the_picture(tower):
    """Each patch enlarged by itself is what the resize is exact for, in whatever tower."""
    image = tower()
    [picture] = pixels((SIDE, SIDE))
    cells = picture.unfold(1, PATCH, PATCH).unfold(2, PATCH, PATCH)  # [3, h, w, P, P]
    larger = np.array([[[resized(cells[c, i, j], 14, BICUBIC) for j in range(4)] for i in range(4)] for c in range(3)])
    enlarged = torch.tensor(larger).permute(0, 1, 3, 2, 4).reshape(3, 56, 56)
    flexible = with_patch_size(image, 14, BICUBIC)
    flexible.positions = image.positions
    flexible.config = image.config
    assert close(flexible.encode_pixels([enlarged]).x, image.encode_pixels([picture]).x)


@pytest.mark.parametrize(("side", "said"), [(0, "1 pixel a side"), (29, "28 pixels a side has no patch of 29")])
def test_patches_that_no_picture_has_are_refused(side, said):
    with pytest.raises(BadArguments, match=said):
        with_patch_size(our_vit(vit_peer()), side, BICUBIC)


def test_towers_that_are_more_than_patches_are_refused():
    """Convolutions have none; a tower with positions of another kind is built for its own raster."""
    image = our_vit(vit_peer())
    with pytest.raises(BadArguments, match="ModifiedResNet does not begin with patches"):
        with_patch_size(ModifiedResNet(ResNetConfig((1, 1, 1, 1), 8, 1, 4)), 8, BICUBIC)
    with pytest.raises(BadArguments, match="is built for its patches"):
        with_patch_size(changed(image, config=Bare(PATCH)), 14, BICUBIC)
    with pytest.raises(BadArguments, match="is built for its patches"):
        with_patch_size(changed(image, cell=2 * PATCH), 14, BICUBIC)


def test_a_tower_without_a_table_of_positions_changes_its_patches_alone():
    """Rotary positions need nothing."""
    image = our_vit(vit_peer())
    flexible = with_patch_size(changed(image, config=Bare(PATCH), positions=None), 14, BICUBIC)
    assert flexible.config == Bare(14)
    assert flexible.patches.weight.shape == (32, 3, 14, 14)


def test_a_copy_to_train_learns_its_new_patches():
    image = our_vit(vit_peer()).requires_grad_(True)
    flexible = with_patch_size(image, 14, BICUBIC)
    flexible.encode_pixels(torch.ones(1, 3, 28, 28)).x.sum().backward()
    assert flexible.patches.weight.grad.abs().sum() > 0
    assert flexible.positions.grad.abs().sum() > 0


@dataclass(frozen=True)
class Bare:
    """A config that says the size of patches and nothing else."""

    patch_size: int
