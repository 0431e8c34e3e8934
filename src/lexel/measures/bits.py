"""How many bits tokens take.

    vectors   as stored: what `Tokens.save` writes for these rows, and nothing for what it leaves out
    codes     ⌈log2 K⌉ bits each, and the rest as stored

The names of pictures, the header of the file, a codebook and the weights of a model are not counted: they are shared
by all pictures. Neither is the plan of a reducer: whoever reads merged tokens does not get it.
"""

from lexel.tokens.files import tensors
from lexel.tokens.value import Tokens


def bits(tokens: Tokens) -> int:
    """The bits of all tokens: data, and boxes, masses, levels, columns and maps where nothing implies them."""
    stored = tensors(tokens)
    del stored["splits"]
    total = 0
    if tokens.space.kind == "codes":
        del stored["data"]
        total = tokens.total * sum(code_bits(size) for size in tokens.space.codebook)
    return total + 8 * sum(x.nbytes for x in stored.values())


def bits_per_pixel(tokens: Tokens) -> float:
    """Bits of all tokens ÷ pixels of all upright originals. Raises `ValueError` for no picture.

    bits_per_pixel(lexel.pipeline("patch(16)")(pictures))       # 24.0 where 16 divides all sides
    """
    pixels = int(tokens.pictures.sizes.prod(axis=1).sum())
    if not pixels:
        raise ValueError("no pictures have no pixels")
    return bits(tokens) / pixels


def code_bits(codebook_size: int) -> int:
    """Bits of a code of fixed length: ⌈log2 K⌉."""
    return (codebook_size - 1).bit_length()
