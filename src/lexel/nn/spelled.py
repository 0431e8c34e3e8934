"""Ids of texts to packed rows: the first step of every text tower."""

from collections.abc import Sequence

from lexel.errors import BadArguments
from lexel.needs import torch
from lexel.ragged.packed import Packed
from lexel.ragged.torch_ops import splits_of
from lexel.shapes import Float
from lexel.tokens.meaning import Kind

Ids = torch.Tensor | Sequence[torch.Tensor]  # int64 [B, T], or a list of [T] of any lengths


def embedded(ids: Ids, words: torch.nn.Embedding, positions: Float[torch.Tensor, "T D"]) -> Packed:
    """Each id's vector plus that of its place. Raises `BadArguments` for a longer text or an id that is not there."""
    texts, device = list(ids), positions.device
    counts = [len(text) for text in texts]
    if max(counts, default=0) > len(positions):
        raise BadArguments(f"a text has {max(counts)} ids, the tower reads {len(positions)}")
    flat = torch.cat([torch.zeros(0, dtype=torch.int64), *texts]).to(device)
    if len(flat) and not (int(flat.min()) >= 0 and int(flat.max()) < words.num_embeddings):
        raise BadArguments(
            f"ids go from {int(flat.min())} to {int(flat.max())}, the tower knows {words.num_embeddings}"
        )
    rows = torch.tensor(counts, dtype=torch.int64, device=device)
    splits = splits_of(rows)
    places = torch.arange(len(flat), device=device) - splits[:-1].repeat_interleave(rows)
    lookup = torch.nn.functional.embedding  # of positions too: the gradient of a slice would be a table for each text
    return Packed(
        x=lookup(flat, words.weight) + lookup(places, positions),
        splits=splits,
        mass=None,
        kind=torch.full((len(flat),), Kind.WORD, dtype=torch.int8, device=device),
        grid=torch.zeros((len(texts), 2), dtype=torch.int64, device=device),
    )
