"""Shapes in signatures: `x: Float[Array, "N D"]`.

The letters mean the same everywhere:

    B  pictures            N  tokens, packed end to end      M  padded length
    D  width               H W  pixels                       h w  grid
    K  codebook size       Q  codebooks                      P  patch side
    E  edges of a plan     L  layers                         S  segments

`Array` is NumPy's; selectors and plans also run on torch's inside towers, which type checkers are not told, because
no union of the two has operators. What is always torch's says so: `Float[torch.Tensor, "N D"]`.

Type checkers read these as `Annotated`; at run time they cost nothing. With `LEXEL_CHECK_SHAPES=1` (the test
suite sets it) the names are jaxtyping's own and its import hook checks every call.
"""

import os
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from typing import Annotated as Bool
    from typing import Annotated as Float
    from typing import Annotated as Int
    from typing import Annotated as Num
    from typing import Annotated as Shaped
    from typing import Annotated as UInt8

    Array = NDArray[Any]
elif os.environ.get("LEXEL_CHECK_SHAPES") == "1":
    from jaxtyping import Bool, Float, Int, Num, Shaped, UInt8

    Array = Any  # NumPy's or torch's: whatever has a shape and a dtype
else:

    class Shaped:
        """Anything that has a shape. Subscripted like the others: `Shaped[Array, "N D"]`."""

        def __class_getitem__(cls, item: tuple[type, str]) -> object:
            return Annotated[item]

    class Num(Shaped):
        """Any number."""

    class Float(Num):
        """Floating point."""

    class Int(Num):
        """Any integer."""

    class UInt8(Num):
        """Bytes, 0–255."""

    class Bool(Shaped):
        """Truth values."""

    Array = np.ndarray

__all__ = ["Array", "Bool", "Float", "Int", "Num", "Shaped", "UInt8"]
