"""Seeded sizes of pictures, with the ones that break rules: single pixels, slivers, exact tiles; and our count."""

import random

from lexel.costs.count import image_tokens
from lexel.errors import BadArguments

Size = tuple[int, int]

CORNERS: tuple[Size, ...] = (
    (1, 1), (1, 2), (2, 1), (1, 199), (1, 200), (1, 201), (200, 1), (201, 1), (1, 1024), (1, 1025), (1025, 1),
    (1, 5000), (5000, 1), (2, 3000), (27, 28), (28, 28), (29, 28), (14, 42), (42, 70), (33, 47), (47, 33), (224, 224),
    (300, 1000), (336, 336), (336, 337), (337, 336), (364, 364), (365, 1456), (384, 384), (448, 448), (448, 896),
    (480, 640), (512, 512), (560, 560), (561, 560), (640, 480), (640, 640), (640, 641), (672, 1344), (1080, 1920),
    (1120, 1120), (1456, 1456), (1920, 1080), (2000, 50), (50, 2000), (2000, 3000), (2048, 2048), (4096, 4096),
    (7000, 7000), (8000, 6000), (10000, 9999),
)  # fmt: skip

_SIDES = (1, 2, 13, 14, 27, 28, 29, 32, 33, 336, 364, 384, 448, 512, 560, 640, 672, 768, 896, 1024, 1120, 1344, 2048)


def sizes(number: int, *, seed: int = 7) -> list[Size]:
    """`number` sizes (height, width): the corners first, then photographs, slivers and sides of tiles in turn."""
    draw = random.Random(seed)
    made = list(CORNERS)
    while len(made) < number:
        made.append((draw.randint(1, 4500), draw.randint(1, 4500)))
        made.append((round(10 ** draw.uniform(0, 4)), round(10 ** draw.uniform(0, 4))))
        made.append((draw.choice(_SIDES) + draw.randint(-1, 1) or 1, draw.choice(_SIDES) * draw.randint(1, 4)))
    return made[:number]


def ours(model: str, size: Size, **options: int) -> int | None:
    """Our count; None where the model refuses the size. With cross-attention: the vectors beside the prompt."""
    try:
        counted = image_tokens(model, height=size[0], width=size[1], **options)
    except BadArguments:
        return None
    return counted.visual if model == "llama-3.2-vision" else counted.tokens
