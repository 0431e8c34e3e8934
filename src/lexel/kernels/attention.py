"""Attention over packed pictures of any sizes, and the evidence that lies beside it.

    q, k, v  [N, H, d]     ▪▪▪▪▪│▪▪▪│▪▪▪▪       a picture's rows meet only that picture's rows

    attention            rows of v, mixed            one call for all pictures that are equally large
    causal_attention     … each row sees itself and those before it
    attention_rows       how much the first (or last) row looks at every row: one product a head, costs 1 %
    attention_received   output and how much every row is looked at: explicit, costs a second attention
    attention_maps       how much every row looks at every row, for rollout: explicit, n² numbers a picture

On a CPU a loop over sizes is two times faster than padding, ten times faster than a block mask. `log_mass` is added
to the scores of the keys, so that a token that stands for three counts as three (proportional attention of ToMe).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Literal, TypeAlias

from lexel.kernels.processor import multiplies_bfloat16
from lexel.needs import torch
from lexel.shapes import Float

# q, k, v of b pictures of equal size [b, H, n, d], and what is added to the scores of the keys [b, 1, 1, n]
Attend: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]

# Rows where an explicit softmax beats the fused kernel in bfloat16, on a processor that multiplies it itself.
EXPLICIT = range(64, 513)
TILE = 128  # queries whose whole rows are held at once, of all heads


def attention(
    q: Float[torch.Tensor, "Nq H d"],
    k: Float[torch.Tensor, "N H d"],
    v: Float[torch.Tensor, "N H d"],
    *,
    counts: Sequence[int],
    queries: Sequence[int] | None = None,
    log_mass: Float[torch.Tensor, "N"] | None = None,
) -> Float[torch.Tensor, "Nq H d"]:
    """Mix `v` by softmax(q·k / √d + log_mass), picture by picture.

    counts    rows of k and v of each picture; sums to N
    queries   rows of q of each picture, where they are not the same rows (a pooling head asks with one)
    """
    return _by_picture(_attend, q, k, v, counts, queries or counts, log_mass)


def causal_attention(
    q: Float[torch.Tensor, "N H d"],
    k: Float[torch.Tensor, "N H d"],
    v: Float[torch.Tensor, "N H d"],
    *,
    counts: Sequence[int],
    log_mass: Float[torch.Tensor, "N"] | None = None,
) -> Float[torch.Tensor, "N H d"]:
    """As `attention`; a row sees itself and the rows before it."""
    return _by_picture(_attend_causally, q, k, v, counts, counts, log_mass)


def attention_rows(
    q: Float[torch.Tensor, "N H d"],
    k: Float[torch.Tensor, "N H d"],
    *,
    counts: Sequence[int],
    log_mass: Float[torch.Tensor, "N"] | None = None,
    of: Literal["first", "last"] = "first",
) -> Float[torch.Tensor, "N H"]:
    """How much one row of each picture looks at each of its rows: float32, a column a head, sum 1 over a picture."""
    rows = [k.new_zeros((0, k.shape[1]), dtype=torch.float32)]
    for start, stop in pairwise(accumulate(counts, initial=0)):
        if start < stop:
            one = q[start if of == "first" else stop - 1].float() * q.shape[2] ** -0.5
            scores = torch.einsum("hd,nhd->nh", one, k[start:stop].float())
            rows.append((scores if log_mass is None else scores + log_mass[start:stop, None]).softmax(0))
    return torch.cat(rows)


def attention_received(
    q: Float[torch.Tensor, "N H d"],
    k: Float[torch.Tensor, "N H d"],
    v: Float[torch.Tensor, "N H d"],
    *,
    counts: Sequence[int],
    log_mass: Float[torch.Tensor, "N"] | None = None,
) -> tuple[Float[torch.Tensor, "N H d"], Float[torch.Tensor, "N H"]]:
    """What `attention` gives, and how much each row is looked at by all rows of its picture.

    The second is float32, the mean over the rows that look, so it sums to 1 over a picture. Rows are computed once,
    in tiles of `TILE` queries, and used for both.
    """
    mixed, received = torch.empty_like(q), k.new_zeros(k.shape[:2], dtype=torch.float32)
    for picture, tile, rows in _tiles(q, k, counts, log_mass):
        mixed[tile] = (rows @ v[picture].transpose(0, 1).float()).transpose(0, 1).to(q.dtype)
        received[picture] += rows.sum(1).T / (picture.stop - picture.start)
    return mixed, received


def attention_maps(
    q: Float[torch.Tensor, "N H d"],
    k: Float[torch.Tensor, "N H d"],
    *,
    counts: Sequence[int],
    log_mass: Float[torch.Tensor, "N"] | None = None,
) -> Float[torch.Tensor, "N W"]:
    """How much each row looks at each row of its picture: float32, the mean of the heads, each row sums to 1.

    Column j is row j of the picture; W are the rows of the largest one, and zeros stand behind those of a smaller one.
    """
    maps = k.new_zeros((len(k), max(counts, default=0)), dtype=torch.float32)
    for picture, tile, rows in _tiles(q, k, counts, log_mass):
        maps[tile, : picture.stop - picture.start] = rows.mean(0)
    return maps


def _tiles(
    q: Float[torch.Tensor, "N H d"],
    k: Float[torch.Tensor, "N H d"],
    counts: Sequence[int],
    log_mass: Float[torch.Tensor, "N"] | None,
) -> Iterator[tuple[slice, slice, Float[torch.Tensor, "H t n"]]]:
    """Whole rows of attention, `TILE` of them at once: where their picture lies, where they lie, and they, float32."""
    for start, stop in pairwise(accumulate(counts, initial=0)):
        keys = k[start:stop].transpose(0, 1).float()
        for first in range(start, stop, TILE):
            tile = slice(first, min(first + TILE, stop))
            scores = q[tile].transpose(0, 1).float() * q.shape[2] ** -0.5 @ keys.mT
            yield slice(start, stop), tile, (scores if log_mass is None else scores + log_mass[start:stop]).softmax(-1)


def _by_picture(
    attend: Attend,
    q: Float[torch.Tensor, "Nq H d"],
    k: Float[torch.Tensor, "N H d"],
    v: Float[torch.Tensor, "N H d"],
    counts: Sequence[int],
    queries: Sequence[int],
    log_mass: Float[torch.Tensor, "N"] | None,
) -> Float[torch.Tensor, "Nq H d"]:
    """One call where all pictures are equal, else one for all that are equal to each other."""
    bias = None if log_mass is None else log_mass.to(q.dtype)
    if len(set(counts)) == len(set(queries)) == 1 and len(q):
        return _attend_to(attend, q, k, v, bias, len(counts))
    # Cut and joined once, for all: the gradient of a slice is as large as what it was sliced from, for each picture.
    cut = [q.split([*queries]), k.split([*counts]), v.split([*counts])]
    biases = None if bias is None else bias.split([*counts])
    equal = defaultdict[tuple[int, int], list[int]](list)
    for b, size in enumerate(zip(queries, counts, strict=True)):
        equal[size].append(b)
    mixed = [q[:0]] * len(counts)
    for (rows, _), same in equal.items():
        if rows:
            ours, keys, values = (_joined([parts[b] for b in same]) for parts in cut)
            theirs = _attend_to(attend, ours, keys, values, biases and _joined([biases[b] for b in same]), len(same))
            for b, x in zip(same, theirs.split(rows), strict=True):
                mixed[b] = x
    return torch.cat([q[:0], *mixed])


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat([*parts])


def _attend_to(
    attend: Attend,
    q: Float[torch.Tensor, "Nq H d"],
    k: Float[torch.Tensor, "N H d"],
    v: Float[torch.Tensor, "N H d"],
    bias: Float[torch.Tensor, "N"] | None,
    pictures: int,
) -> Float[torch.Tensor, "Nq H d"]:
    q, k, v = (x.unflatten(0, (pictures, -1)).transpose(1, 2) for x in (q, k, v))
    bias = None if bias is None else bias.view(pictures, 1, 1, -1)
    return attend(q, k, v, bias).transpose(1, 2).flatten(0, 1)


def _attend(
    q: Float[torch.Tensor, "b H nq d"],
    k: Float[torch.Tensor, "b H n d"],
    v: Float[torch.Tensor, "b H n d"],
    bias: Float[torch.Tensor, "b 1 1 n"] | None,
) -> Float[torch.Tensor, "b H nq d"]:
    half = q.device.type == "cpu" and q.dtype == torch.bfloat16
    if half and q.shape[2] in EXPLICIT and multiplies_bfloat16():
        scores = q * q.shape[3] ** -0.5 @ k.mT
        return (scores if bias is None else scores + bias).softmax(-1) @ v
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def _attend_causally(
    q: Float[torch.Tensor, "b H n d"],
    k: Float[torch.Tensor, "b H n d"],
    v: Float[torch.Tensor, "b H n d"],
    bias: Float[torch.Tensor, "b 1 1 n"] | None,
) -> Float[torch.Tensor, "b H n d"]:
    if bias is None:
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    later = torch.full((q.shape[2], q.shape[2]), -torch.inf, dtype=q.dtype, device=q.device).triu(1)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias + later)
