"""CLIPScore by hand, on features of the same tiny model in `transformers`."""

import numpy as np
import pytest
import torch
from tolerances import close
from towers.duals import PICTURES, Letters

from lexel.errors import BadArguments
from lexel.evals.clipscore import clipscore, refclipscore

pytestmark = pytest.mark.usefixtures("unchecked_shapes")

CAPTIONS = ["a cat", "two dogs", "snow"]
REFERENCES = [["a kitten", "a cat on a mat"], ["dogs"], ["it snows", "snow falls", "white"]]


def image(peer, clip, picture):
    pixels = torch.from_numpy(clip.preparation.prepare(picture)[0])
    return peer.get_image_features(pixel_values=pixels[None]).pooler_output[0].double().numpy()


def text(peer, caption):
    words = Letters()(["A photo depicts " + caption])
    ids = torch.from_numpy(words.ids.astype(np.int64))
    return peer.get_text_features(input_ids=ids[None]).pooler_output[0].double().numpy()


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def by_hand(peer, clip):
    """CLIPScore and RefCLIPScore of each pair, one after the other."""
    scores, with_references = [], []
    for picture, caption, references in zip(PICTURES, CAPTIONS, REFERENCES, strict=True):
        score = 2.5 * max(cosine(image(peer, clip, picture), text(peer, caption)), 0)
        nearest = max(*(cosine(text(peer, caption), text(peer, reference)) for reference in references), 0)
        scores.append(score)
        with_references.append(2 / (1 / score + 1 / nearest) if score > 0 and nearest > 0 else 0)
    return scores, with_references


def test_clipscore_is_the_published_formula(peer, clip):
    scores, with_references = by_hand(peer, clip)
    assert max(scores) > 0
    assert close(clipscore(clip, PICTURES, CAPTIONS), scores)
    assert close(refclipscore(clip, PICTURES, CAPTIONS, REFERENCES), with_references)


def test_a_caption_that_points_away_scores_zero_in_both(clip):
    away = -clip.embed(["A photo depicts " + CAPTIONS[0]])
    assert clipscore(clip, away, CAPTIONS[:1]).tolist() == [0]
    assert refclipscore(clip, away, CAPTIONS[:1], REFERENCES[:1]).tolist() == [0]


def test_the_picture_of_its_own_caption_scores_most(clip):
    same = clip.embed(["A photo depicts " + CAPTIONS[0]])
    assert clipscore(clip, same, CAPTIONS[:1])[0] == pytest.approx(2.5, abs=1e-5)
    assert refclipscore(clip, same, CAPTIONS[:1], [CAPTIONS[:1]])[0] == pytest.approx(2 * 2.5 / 3.5, abs=1e-5)


def test_nothing_scores_nothing(clip):
    assert refclipscore(clip, [], [], []).shape == (0,)


@pytest.mark.parametrize(
    ("captions", "references", "said"),
    [
        (CAPTIONS[:2], REFERENCES[:2], "2 captions of 3 pictures"),
        (CAPTIONS, REFERENCES[:2], "2 lists of references for 3 captions"),
        (CAPTIONS, [["x"], [], ["y"]], "each has one or more"),
    ],
)
def test_captions_and_references_stand_beside_their_pictures(clip, captions, references, said):
    with pytest.raises(BadArguments, match=said):
        refclipscore(clip, PICTURES, captions, references)
