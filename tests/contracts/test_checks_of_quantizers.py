"""Each check of quantizers finds what it is for."""

from dataclasses import replace

import pytest
import torch

from lexel.contracts import quantizers
from lexel.quantizers.vq import VQ


class Spoilt(VQ):
    """A good quantizer, and something done to one of its methods."""

    def __init__(self, **spoil):
        torch.manual_seed(0)
        super().__init__(4, codebook_size=6)
        for name, change in spoil.items():
            setattr(self, name, self.spoilt(getattr(super(), name), change))

    def spoilt(self, method, change):
        return lambda *args: change(self, method(*args), *args)

    def __repr__(self):
        return "vq(4, codebook_size=6)"


def drifting(self, made, x):
    with torch.no_grad():
        self.codebook += 0.1
    return made


def scribbling(self, made, x):
    with torch.no_grad():
        x *= 2
    return made


def restless(self, nothing, x, codes):
    with torch.no_grad():
        self.codebook += 0.1


def exploding(self, nothing, x, codes):
    with torch.no_grad():
        self.codebook /= float(len(x) == 0)


def unlike_the_others(self, codes, x):
    return codes if len(x) > 1 else (codes + 1) % 6


def coarse_in_half(self, made, x):
    return made if x.dtype == torch.float32 else replace(made, codes=made.codes * 0)


@pytest.mark.parametrize(
    ("check", "spoil", "sentence"),
    [
        ("names_vectors_by_codes", {"codes": lambda self, codes, x: codes.int()}, "codes are int64"),
        ("names_vectors_by_codes", {"codes": lambda self, codes, x: codes + 6}, "outside its codebook"),
        ("names_vectors_by_codes", {"codes": lambda self, codes, x: codes[:-1]}, "codes are int64"),
        ("gives_vectors_back", {"decode": lambda self, x, codes: x.double()}, "float32"),
        ("gives_vectors_back", {"decode": lambda self, x, codes: x / 0}, "not finite"),
        ("gives_vectors_back", {"decode": lambda self, x, codes: x + 1}, "is what decode makes of k"),
        (
            "evaluates_as_it_decodes",
            {"forward": lambda self, made, x: replace(made, quantized=made.quantized + 1e-6)},
            "not what decode gives",
        ),
        (
            "evaluates_as_it_decodes",
            {"forward": lambda self, made, x: replace(made, codes=made.codes * 0)},
            "disagree",
        ),
        (
            "loses_finitely",
            {"forward": lambda self, made, x: replace(made, losses={"bad": x.sum() / len(x)})},
            "on no vectors: the loss bad",
        ),
        (
            "lets_gradients_through",
            {"forward": lambda self, made, x: replace(made, quantized=made.quantized.detach() + 0 * x, losses={})},
            "no gradient reaches",
        ),
        ("changes_in_update_alone", {"forward": drifting}, "forward changed codebook"),
        ("changes_in_update_alone", {"forward": scribbling}, "wrote into the vectors"),
        ("learns_from_nothing", {"update": restless}, "with no vectors changed it"),
        ("learns_from_nothing", {"update": exploding}, "is not finite"),
        ("batches_do_not_matter", {"codes": unlike_the_others}, "alone it is another"),
        ("takes_bfloat16", {"forward": coarse_in_half}, "bfloat16 has other codes"),
    ],
)
def test_a_quantizer_that_breaks_a_rule_is_found(check, spoil, sentence, unchecked_shapes):
    with pytest.raises(AssertionError, match=sentence):
        getattr(quantizers, f"check_{check}")(Spoilt(**spoil))


def test_codes_that_stand_for_one_vector_are_found():
    quantizer = Spoilt()
    with torch.no_grad():
        quantizer.codebook[4] = quantizer.codebook[2]
    with pytest.raises(AssertionError, match="two codes stand for one vector"):
        quantizers.check_gives_vectors_back(quantizer)


def test_what_the_state_does_not_hold_is_found():
    class Secretive(Spoilt):
        def codes(self, x):
            return (super().codes(x) + 1) % 6

    with pytest.raises(AssertionError, match="its state_dict does not say all"):
        quantizers.check_is_its_state(Secretive())


@pytest.mark.parametrize(
    ("text", "sentence"), [("<VQ>", "is its stage"), ("vq(4,codebook_size=6)", "not canonical"), ("bsq(4)", "gives")]
)
def test_a_repr_that_is_not_its_text_is_found(text, sentence):
    class Named(Spoilt):
        def __repr__(self):
            return text

    with pytest.raises(AssertionError, match=sentence):
        quantizers.check_is_its_text(Named())


def test_a_check_leaves_the_quantizer_as_it_was():
    quantizer = VQ(4, codebook_size=6, decay=0.9).train()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizers.check_learns_from_nothing(quantizer)
    assert quantizer.training
    assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())
