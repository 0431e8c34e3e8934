"""A visual vocabulary in training: its codes are watched, and from some step on a judge wants it to look real.

    pixels ─ autoencoder ─► painted ─┬─ losses ───────────────────────────► ∇ of the autoencoder
                                     ├─ judge, which stays as it is ─ λ ──►
                                     └─ judge, beside real pixels ────────► ∇ of the judge

Autoencoder and judge are one module, and one AdamW moves both: two sets of gradients that have nothing to do with each
other, one update, one checkpoint. So a run with a judge goes on with the same bits like any other. The price: both have
the same learning rate, as published, and where their gradient is clipped it is clipped together. Before its first step
the judge has gradients of 0, and does nothing but decay a little.

λ is chosen anew for each chunk; without a judge chunks change nothing.
"""

from dataclasses import dataclass

from lexel.autoencoders._autoencoder import Autoencoder
from lexel.autoencoders._discrete import Discrete
from lexel.needs import torch
from lexel.shapes import Float
from lexel.training.data import Pairs
from lexel.training.discriminator import Against, PatchDiscriminator, adaptive_weight, fooled, judged, unmoved
from lexel.training.health import Health
from lexel.training.loader import Batch
from lexel.training.losses import PSNR, Weights
from lexel.training.reconstruct import ReconstructionTask


@dataclass(frozen=True, eq=False, kw_only=True)
class Judging:
    """Who tells what comes back from pictures, and how.

    discriminator   new
    last            the last layer of the decoder, where both gradients become equally long
    weight          …times this
    start           updates before it begins
    against         its loss
    """

    discriminator: PatchDiscriminator
    last: torch.Tensor
    weight: float
    start: int
    against: Against = "hinge"


class Learning(torch.nn.Module):
    """What a run keeps.

    model     what the run is for
    judge     None where there is none
    health    of its codebooks; None where it has none
    updates   int64, how many there were
    """

    updates: torch.Tensor

    def __init__(self, model: Autoencoder, judge: PatchDiscriminator | None) -> None:
        super().__init__()
        self.model, self.judge = model, judge
        self.health = Health(model.image.quantizer.sizes) if isinstance(model, Discrete) else None
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))


class VocabularyTask(ReconstructionTask):
    """An autoencoder, its loss, and what is said of its codes. It keeps `Task`.

    held_out, weights   as `ReconstructionTask` has them
    judging             None: nobody judges

    Among the losses of a step are "used", "dead" and "perplexity" of the codes lately, "judge", the loss of the judge,
    "fooled", that of who paints for it, and "listens", what the latter was multiplied by. "loss" has none of them.
    """

    module: Learning

    def __init__(
        self,
        model: Autoencoder,
        held_out: Pairs | None = None,
        *,
        weights: Weights = PSNR,
        judging: Judging | None = None,
    ) -> None:
        super().__init__(model, held_out, weights=weights)
        self.module = Learning(model, judging.discriminator if judging else None).to(next(model.parameters()).device)
        self._judging = judging

    def gradients(self, batch: Batch, chunk: int) -> dict[str, float]:
        """As `Task` says."""
        found = super().gradients(batch, chunk)
        if self.module.health is None:
            return found
        self.module.health.see(torch.cat([codes for _, codes in self._seen]))
        return found | self.module.health.numbers()

    def after_step(self) -> None:
        """Codebooks that follow averages take a step."""
        super().after_step()
        self.module.updates += 1

    def _backward(
        self,
        pixels: Float[torch.Tensor, "b 3 H W"],
        painted: Float[torch.Tensor, "b 3 H W"],
        terms: dict[str, torch.Tensor],
        share: float,
    ) -> dict[str, torch.Tensor]:
        judging = self._judging
        if judging is None or int(self.module.updates) < judging.start:
            return super()._backward(pixels, painted, terms, share)
        judge, against = judging.discriminator, judging.against
        loss = torch.stack(list(terms.values())).sum()
        told = fooled(unmoved(judge, painted), against)
        listens = judging.weight * adaptive_weight(loss, told, judging.last)
        (share * (loss + listens * told)).backward()
        verdict = judged(judge(pixels), judge(painted.detach()), against)
        (share * verdict).backward()
        return {"loss": loss} | terms | {"judge": verdict, "fooled": told, "listens": listens}
