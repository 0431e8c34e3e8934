"""The primitives of `numpy_ops` on torch: the same names, the same answers, on any device.

Results are those of the NumPy file bit for bit in whole numbers, and up to the order of additions in floats. On a
GPU sums of three rows or more may differ in the last bit from run to run, as torch's own do.
"""

from lexel.needs import torch
from lexel.shapes import Array, Float, Int, Num, Shaped

BLOCK = 1 << 22  # similarities held at once by segment_match: 16 MB of float32


def segment_sum(x: Num[torch.Tensor, "N *rest"], splits: Int[torch.Tensor, "S1"]) -> Num[torch.Tensor, "S *rest"]:
    """Sum the rows of each segment; an empty segment sums to 0."""
    counts = splits.diff()
    return x.new_zeros((len(counts), *x.shape[1:])).index_add(0, _owners(counts), x)


def segment_max(
    x: Num[torch.Tensor, "N"], splits: Int[torch.Tensor, "S1"]
) -> tuple[Num[torch.Tensor, "S"], Int[torch.Tensor, "S"]]:
    """The largest value of each segment and its row; of equal ones the lowest row."""
    counts = splits.diff()
    lowest = -torch.inf if x.is_floating_point() else torch.iinfo(x.dtype).min
    owners = _owners(counts)
    value = x.new_full((len(counts),), lowest).scatter_reduce(0, owners, x, "amax")
    best = (x == value[owners]).nonzero()[:, 0]
    row = splits.new_full((len(counts),), len(x)).scatter_reduce(0, owners[best], best, "amin")
    return value, row.where(counts > 0, -1)


def segment_argsort(
    x: Num[torch.Tensor, "N"], splits: Int[torch.Tensor, "S1"], *, descending: bool = False
) -> Int[torch.Tensor, "N"]:
    """Rows in the order of their values inside each segment; equal values keep their order both ways."""
    by_value = x.argsort(stable=True, descending=descending)
    return by_value[_owners(splits.diff())[by_value].argsort(stable=True)]


def segment_match(
    a: Float[torch.Tensor, "Na D"],
    a_splits: Int[torch.Tensor, "S1"],
    b: Float[torch.Tensor, "Nb D"],
    b_splits: Int[torch.Tensor, "S1"],
) -> tuple[Float[torch.Tensor, "Na"], Int[torch.Tensor, "Na"]]:
    """For each row of `a`, the row of `b` in the same segment with the largest dot product: (score, row).

    One batched product where all segments are equal and small, which is what a GPU needs; else a loop over segments,
    in blocks of `a`.
    """
    a_counts, b_counts = a_splits.diff().tolist(), b_splits.diff().tolist()
    segments = len(a_counts)
    equal = len(set(a_counts)) == len(set(b_counts)) == 1
    if equal and 0 < len(a) * b_counts[0] <= BLOCK:
        similarity = a.view(segments, -1, a.shape[1]) @ b.view(segments, -1, b.shape[1]).mT
        best = similarity.argmax(dim=2, keepdim=True)
        score = similarity.gather(2, best)
        return score.flatten(), (best[..., 0] + b_splits[:-1, None]).flatten()
    score = a.new_full((len(a),), -torch.inf)
    row = a_splits.new_full((len(a),), -1)
    a_end = b_end = 0
    for a_count, b_count in zip(a_counts, b_counts, strict=True):
        a_start, b_start = a_end, b_end
        a_end, b_end = a_start + a_count, b_start + b_count
        block = max(1, BLOCK // max(1, b_count))
        for start in range(a_start, a_end if b_count else a_start, block):
            rows = slice(start, min(start + block, a_end))
            similarity = a[rows] @ b[b_start:b_end].T
            best = similarity.argmax(dim=1)
            score[rows] = similarity.gather(1, best[:, None])[:, 0]
            row[rows] = best + b_start
    return score, row


def take(x: Shaped[torch.Tensor, "N *rest"], rows: Int[torch.Tensor, "E"]) -> Shaped[torch.Tensor, "E *rest"]:
    """Rows of `x`, in the order asked for."""
    return x.index_select(0, rows)


def repeat(x: Shaped[torch.Tensor, "S *rest"], counts: Int[torch.Tensor, "S"]) -> Shaped[torch.Tensor, "N *rest"]:
    """Row s of `x`, `counts[s]` times."""
    return x.repeat_interleave(counts, dim=0)


def splits_of(counts: Int[torch.Tensor, "S"]) -> Int[torch.Tensor, "S1"]:
    """Where segments of so many rows begin and end."""
    return torch.cat((counts.new_zeros(1), counts.cumsum(0)))


def bounds(owners: Int[torch.Tensor, "N"], count: int) -> Int[torch.Tensor, "S1"]:
    """The splits of rows that are sorted by their owner, 0 to `count` − 1."""
    return torch.searchsorted(owners, torch.arange(count + 1, device=owners.device))


def host(x: Shaped[torch.Tensor, "*any"]) -> Shaped[Array, "*any"]:
    """The same array in NumPy; shares memory where it lies on the CPU. bfloat16 becomes float32."""
    array: Array = (x.float() if x.dtype == torch.bfloat16 else x).detach().cpu().numpy()
    return array


def like(x: Shaped[Array, "*any"], model: Shaped[torch.Tensor, "*others"]) -> Shaped[torch.Tensor, "*any"]:
    """A NumPy array on the device of `model`; the dtype stays."""
    return torch.from_numpy(x).to(model.device)


def _owners(counts: Int[torch.Tensor, "S"]) -> Int[torch.Tensor, "N"]:
    """The segment of every row."""
    return torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
