"""One transformer, written once: pre-norm blocks over packed tokens.

    x ─┬─ norm1 ─ attention ─ + ─┬─►  a selector's plan acts here  ─►─┬─ norm2 ─ mlp ─ + ─►
       └──────────────────────┘  keys, attention rows                 └─────────────┘

Names of parameters, which tables of published layouts translate to (`D` width, `F` hidden width of the MLP):

    transformer.blocks.{i}.norm1.{weight,bias}            [D]
    transformer.blocks.{i}.attention.qkv.{weight,bias}    [3D, D] [3D]    rows of q, k, v; bias [2D] where k has none
    transformer.blocks.{i}.attention.out.{weight,bias}    [D, D]  [D]
    transformer.blocks.{i}.norm2.{weight,bias}            [D]
    transformer.blocks.{i}.mlp.fc1.{weight,bias}          [F, D]  [F]     [2F, D] [2F] where it is gated
    transformer.blocks.{i}.mlp.fc2.{weight,bias}          [D, F]  [D]
    transformer.blocks.{i}.scale{1,2}.weight              [D]             where there are any

    image.patches.weight             [D, 3, P, P] (and bias [D] of SigLIP); NaFlex is stored the same way
    image.class_token                [D]          CLIP, DINOv2, DINOv3
    image.registers                  [R, D]       DINOv2 with registers, DINOv3
    image.positions                  [1 + n, D]   CLIP, DINOv2: class first;  [n, D] SigLIP
    image.norm_in.{weight,bias}      [D]          CLIP
    image.transformer.…              as above
    image.norm_out.{weight,bias}     [D]
    image.projection.weight          [P, D]       CLIP, no bias
    image.head.probe                 [D]          SigLIP (attention pooling)
    image.head.attention.qkv/out     as above;  image.head.norm;  image.head.mlp.fc1/fc2
    image.{conv,bn}{1,2,3}, image.layer{1-4}.{j}.…, image.attnpool.…      ModifiedResNet: as published under "visual."

    text.words.weight                [V, D]       token embedding
    text.positions                   [77, D]
    text.transformer.…               as above
    text.norm_out.{weight,bias}      [D]
    text.projection.weight           [P, D]       (and bias [P] of SigLIP: its "head")
    logit_scale                      []           as stored: the logarithm
    logit_bias                       []           SigLIP
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from lexel.kernels.attention import attention, attention_maps, attention_received, attention_rows
from lexel.needs import torch
from lexel.nn.inside import Inside, Seen, apply, averaged, column, decide
from lexel.nn.layers import Linear, Sum
from lexel.nn.rollout import MAPS, ROLLOUT, Rollout
from lexel.ragged.packed import Packed
from lexel.ragged.plan import Plan
from lexel.shapes import Float

TILE = 1024  # rows that go through an MLP together


@dataclass(frozen=True, eq=False)
class Traced:
    """What a transformer made of its tokens.

    start    the tokens before the first block
    packed   the tokens after the last one
    kept     rows by name, one for each token of `packed`: float32 `[N, …]`
    plans    of the selectors inside, in the order in which they acted
    """

    start: Packed
    packed: Packed
    kept: dict[str, torch.Tensor]
    plans: tuple[Plan, ...]

    def then(self, layer: torch.nn.Module) -> "Traced":
        """The same with `layer` after the last block, each token by itself."""
        return replace(self, packed=self.packed.with_x(layer(self.packed.x)))


class Attention(torch.nn.Module):
    """Multi-head attention of packed tokens.

    attend   `kernels.attention.attention`, or `causal_attention` where rows see only what is before them
    qkv      `[N, D]` → `[N, 3D]`, rows of q, then k, then v; a plain linear layer unless said
    rotary   turns q and k `[N, H, d]` by the places of their rows `[N, 2]`; None where positions are in the data
    """

    def __init__(
        self,
        width: int,
        heads: int,
        attend: Callable[..., torch.Tensor] = attention,
        *,
        qkv: torch.nn.Module | None = None,
        rotary: torch.nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.attend = heads, attend
        self.qkv = qkv or Linear(width, 3 * width)
        self.out = Linear(width, width)
        self.rotary = rotary

    def forward(
        self,
        x: Float[torch.Tensor, "N D"],
        counts: Sequence[int],
        *,
        log_mass: Float[torch.Tensor, "N"] | None = None,
        places: Float[torch.Tensor, "N 2"] | None = None,
        needs: Collection[str] = (),
    ) -> tuple[Float[torch.Tensor, "N D"], Seen]:
        """The mixed tokens, and the evidence that `needs` names, head by head. Keys are those before any rotation."""
        q, k, v = self.qkv(x).unflatten(1, (3, self.heads, -1)).unbind(1)
        seen = {"keys": k}
        if self.rotary is not None:
            q, k = self.rotary(q, k, places)
        if "attention.cls" in needs:
            seen["attention.cls"] = attention_rows(q, k, counts=counts, log_mass=log_mass)
        if "attention.last" in needs:
            seen["attention.last"] = attention_rows(q, k, counts=counts, log_mass=log_mass, of="last")
        if MAPS in needs:
            seen[MAPS] = attention_maps(q, k, counts=counts, log_mass=log_mass)
        if "attention.received" in needs:
            mixed, seen["attention.received"] = attention_received(q, k, v, counts=counts, log_mass=log_mass)
        else:
            mixed = self.attend(q, k, v, counts=counts, log_mass=log_mass)
        return self.out(mixed.flatten(1)), seen


class Block(torch.nn.Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x)).

    scale   makes what adds the two; a plain sum unless said
    """

    def __init__(
        self,
        attention: Attention,
        mlp: torch.nn.Module,
        width: int,
        eps: float,
        *,
        scale: Callable[[], torch.nn.Module] = Sum,
    ) -> None:
        super().__init__()
        self.norm1 = torch.nn.LayerNorm(width, eps)
        self.attention = attention
        self.scale1 = scale()
        self.norm2 = torch.nn.LayerNorm(width, eps)
        self.mlp = mlp
        self.scale2 = scale()

    def look(self, packed: Packed, needs: Collection[str]) -> tuple[Packed, Seen]:
        """The first half: tokens that have seen each other, and what they saw."""
        log_mass = None if packed.mass is None else packed.mass.log()
        mixed, seen = self.attention(
            self.norm1(packed.x), packed.counts, log_mass=log_mass, places=packed.places, needs=needs
        )
        return packed.with_x(self.scale1(packed.x, mixed)), seen

    def think(self, packed: Packed) -> Packed:
        """The second half: each token by itself, so that not all need to be wide at the same time."""
        thought = [self.scale2(x, self.mlp(self.norm2(x))) for x in _tiles(packed.x)]
        return packed.with_x(thought[0] if len(thought) == 1 else torch.cat(thought))


class Transformer(torch.nn.Module):
    """Blocks one after the other, and selectors between their halves.

    blocks   shared, not copied: `Transformer(tower.blocks, inside=…)` costs nothing
    inside   selectors and where they act; several at one layer act in this order
    """

    def __init__(self, blocks: torch.nn.ModuleList, inside: tuple[Inside, ...] = ()) -> None:
        super().__init__()
        self.blocks, self.inside = blocks, inside

    def forward(self, packed: Packed, keep: Collection[str] = ()) -> Traced:
        """Run all blocks, and keep what `keep` names.

            "keys" "attention.cls" "attention.received"      of the last block, the mean of the heads
            "….joined"                                       all heads beside each other
            "attention.rollout"                              of all blocks, see `Rollout`
            "…@-2" "…@3"                                     of another block, of all up to another block
            "tokens@3"                                       the output of a block

        Rows that were kept before a selector acted go through its plan like the tokens. Raises `KeyError` for a name
        that attention does not give.
        """
        depth = len(self.blocks)
        wanted = {name: int(name.partition("@")[2] or -1) % depth for name in keep}
        needs = [self._needs(layer, wanted) for layer in range(depth)]
        rolls = max((1 + layer for layer in range(depth) if ROLLOUT in needs[layer]), default=0)
        rollout = Rollout.of(packed) if rolls else None
        start, kept = packed, dict[str, torch.Tensor]()
        plans: list[Plan] = []
        for layer, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            here = [name for name, at in wanted.items() if at == layer]
            packed, seen = block.look(packed, needs[layer] | ({MAPS} if layer < rolls else set()))
            if rollout is not None and layer < rolls:
                rollout = rollout.deeper(seen.pop(MAPS), packed)
                seen[ROLLOUT] = rollout.looked_at(packed)
            kept |= {name: column(seen, name) for name in here if not name.startswith("tokens")}
            acting = [inside for inside in self.inside if inside.acts_at(layer)]
            for inside in acting:
                plan = decide(inside, packed, seen, layer=layer, depth=depth)
                if inside is not acting[-1]:  # else nobody looks at them any more, and they are as large as the tokens
                    seen = {name: averaged(plan, rows, packed) for name, rows in seen.items()}
                kept = {name: averaged(plan, rows, packed) for name, rows in kept.items()}
                if rollout is not None:
                    rollout = rollout.through(plan, packed)
                packed = apply(plan, packed, inside.selector)
                plans.append(plan)
            packed = block.think(packed)
            kept |= {name: packed.x for name in here if name.startswith("tokens")}
        return Traced(start, packed, kept, tuple(plans))

    def _needs(self, layer: int, wanted: Mapping[str, int]) -> set[str]:
        """The evidence of a layer that is to be kept, or shown to a selector."""
        kept = {name.partition("@")[0] for name, at in wanted.items() if at == layer}
        shown = {need for inside in self.inside if inside.acts_at(layer) for need in inside.selector.needs}
        return {name.removesuffix(".joined") for name in kept | shown}


def _tiles(x: Float[torch.Tensor, "N D"]) -> Sequence[Float[torch.Tensor, "n D"]]:
    """The rows in as many parts as serve the cache; in one on a GPU, and where they are kept for gradients anyway.

    A hidden layer of 3,152 rows is 39 MB, which the C library asks of the system anew each time. In tiles the MLP of
    B/16 was 10 to 15 % faster with the products of oneDNN, level with those of MKL, and never larger than 13 MB.
    """
    return (x,) if x.device.type != "cpu" or torch.is_grad_enabled() else x.split(TILE)
