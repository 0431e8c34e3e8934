"""The published scale of latents, as config files say it.

latents_mean, latents_std        a number for each channel
shift_factor, scaling_factor     one for all; null is none
"""

from lexel.autoencoders._continuous import Scaling
from lexel.errors import LoadError
from lexel.loading.files import Fields


def scaling(fields: Fields, channels: int, *, factor: float) -> Scaling:
    """What the fields say; `factor` where they say none.

    Raises `LoadError` for other counts of numbers, and for a scale that cannot be undone: of 0, or below.
    """
    said = Fields({name: value for name, value in fields.values.items() if value is not None}, fields.subject)
    shift = (said.number("shift_factor", 0.0),)
    found = Scaling(
        factor=said.number("scaling_factor", factor),
        shift=_each(said, "latents_mean", channels) or shift,
        std=_each(said, "latents_std", channels) or (1.0,),
    )
    if min(found.factor, *found.std) <= 0:
        raise LoadError("latents are scaled by 0 or less", subject=fields.subject)
    return found


def _each(fields: Fields, name: str, channels: int) -> tuple[float, ...]:
    """A number for each channel; () where there are none."""
    values = fields.values.get(name, [])
    if not isinstance(values, list) or len(values) not in (0, channels):
        raise LoadError(f"{name} is {values!r}"[:80] + f", expected {channels} numbers", subject=fields.subject)
    return tuple(Fields({name: value}, fields.subject).number(name, 0.0) for value in values)
