"""The losses of `contrastive.py` in tiles: equal values and gradients, memory that grows with B and not with B².

                texts                       1  walk the tiles: log-sum-exp of every row and every column
             ┌────┬────┬──┐                 2  walk them again: each tile of logits is made a second time, becomes
    images   │ ▒▒ │    │  │  one tile          weights, and is spent on the gradients of its pictures and texts
             ├────┼────┼──┤  at a time
             │    │    │  │                 SigLIP's cells know nothing of each other: one walk does both
             └────┴────┴──┘

Papers   CLIP: Inf-CL, Cheng et al. 2024, arXiv 2410.17243; SigLIP's ring: Zhai et al. 2023, arXiv 2303.15343
Cost     products of B²·D: CLIP 4 (the plain loss 3), SigLIP 3; memory a few times B·D, and three tiles. Tiles stay in
         the processor's cache, which is worth more than the fourth product costs (`python bench/contrastive.py`)
Rule     gradients are computed together with the value, where anything wants them, and only scaled by `backward`;
         so nothing is kept but they, and all talk between processes is in the forward pass

With `ranks` every process holds b pictures and b texts of the B. CLIP's texts are gathered, and each process walks the
b × B tiles of its pictures once, for both directions; SigLIP's texts travel in a ring, b × b tiles at a time, and take
their gradients along. The values of the ranks differ, their mean is the loss of the whole batch. Gradients are those
that are exact after the mean over ranks which DistributedDataParallel takes; all ranks must scale their loss alike.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

from lexel.kernels.linear import linear
from lexel.needs import torch
from lexel.shapes import Float
from lexel.training.contrastive import full
from lexel.training.ranks import ALONE, Ranks

TILE = 1024  # rows and columns: 4 MB in float32, which stays in the cache; smaller ones slow the products down
CERTAIN = 50  # log(1 + exp(x)) is x beyond, in float64 too


def tiled_clip_loss(
    images: Float[torch.Tensor, "B D"],
    texts: Float[torch.Tensor, "B D"],
    logit_scale: Float[torch.Tensor, ""],
    *,
    tile: int = TILE,
    ranks: Ranks = ALONE,
) -> Float[torch.Tensor, ""]:
    """`clip_loss` in tiles of `tile` × `tile`, over all `ranks`.

    Raises ValueError where the ranks bring different numbers of pairs.
    """
    return _together(_clip, (images, texts, logit_scale), tile, ranks)


def tiled_siglip_loss(
    images: Float[torch.Tensor, "B D"],
    texts: Float[torch.Tensor, "B D"],
    logit_scale: Float[torch.Tensor, ""],
    logit_bias: Float[torch.Tensor, ""],
    *,
    tile: int = TILE,
    ranks: Ranks = ALONE,
) -> Float[torch.Tensor, ""]:
    """`siglip_loss` in tiles of `tile` × `tile`, round the ring of all `ranks`.

    Raises ValueError where the ranks bring different numbers of pairs.
    """
    return _together(_siglip, (images, texts, logit_scale, logit_bias), tile, ranks)


def _together(
    compute: Callable[..., tuple[torch.Tensor, tuple[torch.Tensor, ...]]],
    inputs: Sequence[torch.Tensor],
    tile: int,
    ranks: Ranks,
) -> Float[torch.Tensor, ""]:
    """The loss, with its gradients where anything wants them."""
    learning = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    inputs = [full(x) for x in inputs]
    with torch.no_grad(), torch.autocast(inputs[0].device.type, enabled=False):
        loss, gradients = compute(*inputs, tile, ranks, learning)
    return _Known.apply(loss, gradients, *inputs)  # type: ignore[no-untyped-call]  # torch says no types of `apply`


class _Known(torch.autograd.Function):
    """A value whose gradients, one an input, were computed together with it."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.BackwardCFunction,
        value: Float[torch.Tensor, ""],
        gradients: tuple[torch.Tensor, ...],
        *inputs: torch.Tensor,
    ) -> Float[torch.Tensor, ""]:
        ctx.save_for_backward(*gradients)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: torch.autograd.function.BackwardCFunction, upstream: Float[torch.Tensor, ""]
    ) -> tuple[torch.Tensor | None, ...]:
        return None, None, *(upstream * gradient for gradient in ctx.saved_tensors)


def _tiles(rows: int, columns: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of each tile; the last ones are smaller."""
    for top, left in product(range(0, rows, tile), range(0, columns, tile)):
        yield slice(top, min(top + tile, rows)), slice(left, min(left + tile, columns))


def _clip(
    images: Float[torch.Tensor, "b D"],
    texts: Float[torch.Tensor, "b D"],
    logit_scale: Float[torch.Tensor, ""],
    tile: int,
    ranks: Ranks,
    learning: bool,
) -> tuple[Float[torch.Tensor, ""], tuple[torch.Tensor, ...]]:
    """This rank's loss, and its gradients by images, texts and scale where `learning`."""
    b, scale = ranks.equal(images), logit_scale.exp()
    scaled, everyone = images * scale, ranks.gather(texts)
    rows, columns = _log_sums(scaled, everyone, tile)
    columns = ranks.gather(columns[None]).logsumexp(0)
    loss = ((rows + ranks.own(columns)) / 2 - torch.linalg.vecdot(scaled, texts)).mean()
    if not learning:
        return loss, ()

    d_images, d_everyone = texts / -b, torch.zeros_like(everyone)
    for i, j in _tiles(b, len(everyone), tile):
        logits = linear(scaled[i], everyone[j])
        weights = (logits - rows[i, None]).exp_()
        weights += logits.sub_(columns[j]).exp_()
        d_images[i].addmm_(weights, everyone[j], alpha=0.5 / b)
        d_everyone[j].addmm_(weights.T, scaled[i], alpha=0.5 / b)
    d_images *= scale
    d_texts = torch.sub(ranks.home(d_everyone), scaled, alpha=1 / b)
    return loss, (d_images, d_texts, _by_scale(images, d_images))


def _log_sums(
    scaled: Float[torch.Tensor, "b D"], texts: Float[torch.Tensor, "B D"], tile: int
) -> tuple[Float[torch.Tensor, "b"], Float[torch.Tensor, "B"]]:
    """Log-sum-exp of the logits by row and by column."""
    rows, columns = (x.new_full((len(x),), -torch.inf) for x in (scaled, texts))
    for i, j in _tiles(len(scaled), len(texts), tile):
        logits = linear(scaled[i], texts[j])
        rows[i] = torch.logaddexp(rows[i], logits.logsumexp(1))
        columns[j] = torch.logaddexp(columns[j], logits.logsumexp(0))
    return rows, columns


def _siglip(
    images: Float[torch.Tensor, "b D"],
    texts: Float[torch.Tensor, "b D"],
    logit_scale: Float[torch.Tensor, ""],
    logit_bias: Float[torch.Tensor, ""],
    tile: int,
    ranks: Ranks,
    learning: bool,
) -> tuple[Float[torch.Tensor, ""], tuple[torch.Tensor, ...]]:
    """This rank's loss, and its gradients by images, texts, scale and bias where `learning`."""
    b, scale = ranks.equal(images), logit_scale.exp()
    scaled = images * scale
    loss, d_bias, d_images = torch.zeros_like(scale), torch.zeros_like(scale), torch.zeros_like(images)
    cargo = torch.stack([texts, torch.zeros_like(texts)])  # what travels: texts of one rank and their gradients
    for hop in range(ranks.count):
        block, d_block = cargo
        for i, j in _tiles(b, b, tile):
            wrong = linear(scaled[i], block[j]).add_(logit_bias)
            if hop == 0:  # a rank meets its own texts first: pairs on the diagonal, whose logits should be high
                wrong.diagonal(i.start - j.start).neg_()
            loss += torch.nn.functional.softplus(wrong, threshold=CERTAIN).sum()
            if learning:
                weights = wrong.sigmoid_()
                if hop == 0:
                    weights.diagonal(i.start - j.start).neg_()
                d_images[i].addmm_(weights, block[j], alpha=1 / b)
                d_block[j].addmm_(weights.T, scaled[i], alpha=1 / b)
                d_bias += weights.sum()
        cargo = ranks.pass_on(cargo)
    d_images *= scale
    return loss / b, (d_images, cargo[1], _by_scale(images, d_images), d_bias / b) if learning else ()


def _by_scale(images: Float[torch.Tensor, "b D"], d_images: Float[torch.Tensor, "b D"]) -> Float[torch.Tensor, ""]:
    """The gradient by the logarithm of the scale: Σ logit · its gradient, which is Σ picture · its gradient."""
    return torch.linalg.vecdot(images, d_images).sum()
