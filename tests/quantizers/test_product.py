import pytest
import torch
from vector_quantize_pytorch import VectorQuantize

from lexel.errors import BadArguments
from lexel.quantizers.product import Product


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_product_equals_the_peer():
    peer = VectorQuantize(
        dim=12, codebook_dim=4, heads=3, separate_codebook_per_head=True, codebook_size=40, rotation_trick=False
    ).eval()
    ours = Product("vq(4, codebook_size=40)", 3).eval()
    ours.load_state_dict({f"parts.{g}.codebook": codebook for g, codebook in enumerate(peer.codebook)})
    x = drawn(200, 12)
    with torch.no_grad():
        quantized, codes, _ = peer(x[None])
        made = ours(x)
    assert torch.equal(made.codes, codes[0])
    assert torch.equal(made.quantized, quantized[0])


def test_parts_of_a_product_do_not_touch_each_other():
    ours, x = Product("vq(2, codebook_size=9)", 3), drawn(50, 6)
    other = x.clone()
    other[:, 2:4] += 1
    a, b = ours.codes(x), ours.codes(other)
    assert torch.equal(a[:, [0, 2]], b[:, [0, 2]])
    assert not torch.equal(a[:, 1], b[:, 1])


def test_every_combination_of_codes_is_its_own():
    ours = Product("vq(2, codebook_size=5)", 3)
    every = torch.cartesian_prod(*[torch.arange(5)] * 3)
    assert torch.equal(ours.codes(ours.decode(every)), every)


def test_losses_are_means_over_parts():
    ours, x = Product("vq(2, codebook_size=5)", 3), drawn(20, 6)
    parts = [part(y).losses["commitment"] for part, y in zip(ours.parts, x.split(2, dim=1), strict=True)]
    assert torch.equal(ours(x).losses["commitment"], torch.stack(parts).mean())


def test_every_part_learns_from_its_own_numbers():
    ours = Product("vq(2, codebook_size=1, decay=0.9)", 2)
    x = drawn(30, 4)
    ours.update(x, ours.codes(x))
    means = torch.cat([part.codebook for part in ours.parts], dim=1)
    assert torch.allclose(means[0], x.mean(dim=0), atol=1e-6)


def test_no_parts_are_refused():
    with pytest.raises(BadArguments, match="product: parts"):
        Product("fsq(5, 5)", 0)
