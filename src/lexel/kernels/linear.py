"""One stateless linear layer: `x · weightᵀ + bias` on the fastest way that this process has.

    under autocast                                   torch's own linear, which autocast knows
    bfloat16 that the processor does not multiply    in float32, rounded at the end
    float32 on an Intel CPU, ≥ 256 rows or narrow    torch's own linear, which is MKL's
    nothing wants gradients, CPU                     the oneDNN linear of torch, with plain weights
    gradients, float32 CPU, ≥ 32 rows                a 1×1 convolution view: public, differentiable, oneDNN too
    else                                             torch's own linear

torch's own linear goes to MKL in float32, which takes its slow path on some processors (2.4 × slower for a whole tower
on AMD). On Intel it is up to 30 % slower for 50 rows of a wide product, 5 to 15 % faster from 256 rows on, and faster
for rows up to 384 wide however few they are. The oneDNN linear is a private operator whose backward is wrong without
saying so: it runs only where nothing wants gradients, and only after a probe found that it is there and agrees. Weights
stay plain, because a packed copy is state: it would be stale after every optimizer step and doubles the memory.
"""

from functools import cache

from lexel.kernels.processor import at_home_with_mkl, multiplies_bfloat16
from lexel.needs import torch
from lexel.shapes import Float

MKL_ROWS, MKL_WIDTH = 256, 384  # from so many rows, or up to such a width of them, MKL is faster where it is at home
CONVOLUTION_ROWS = 32  # below, the view costs more than it saves


def linear(
    x: Float[torch.Tensor, "N D"], weight: Float[torch.Tensor, "O D"], bias: Float[torch.Tensor, "O"] | None = None
) -> Float[torch.Tensor, "N O"]:
    """`x · weightᵀ + bias`, all of one dtype and device. N may be 0."""
    if not len(x) or x.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return torch.nn.functional.linear(x, weight, bias)
    if x.dtype == torch.bfloat16 and not multiplies_bfloat16():
        # Sums are float32 either way. Weights are widened anew each time: 1 % of the work of a batch, a quarter of one
        # picture's, and still twice as fast; keeping them would double the memory that bfloat16 was chosen to save.
        return linear(x.float(), weight.float(), None if bias is None else bias.float()).bfloat16()
    if x.dtype == torch.float32 and (len(x) >= MKL_ROWS or x.shape[1] <= MKL_WIDTH) and at_home_with_mkl():
        return torch.nn.functional.linear(x, weight, bias)
    if not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)):
        if _onednn_agrees(x.dtype):
            return _onednn(x, weight, bias)
    elif x.dtype == torch.float32 and len(x) >= CONVOLUTION_ROWS:
        image = x[None, None].permute(0, 3, 1, 2)  # [1, D, 1, N], channels last in memory
        return torch.nn.functional.conv2d(image, weight[:, :, None, None], bias).permute(0, 2, 3, 1)[0, 0]
    return torch.nn.functional.linear(x, weight, bias)


def _onednn(
    x: Float[torch.Tensor, "N D"], weight: Float[torch.Tensor, "O D"], bias: Float[torch.Tensor, "O"] | None
) -> Float[torch.Tensor, "N O"]:
    y: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return y


@cache
def _onednn_agrees(dtype: torch.dtype) -> bool:
    """Whether the private operator is there for `dtype` and gives what torch's own linear gives.

    Numbers are whole and small, so that every order of additions is exact and the comparison is for equality. The
    answer is about this build of torch, not about any model.
    """
    if dtype not in (torch.float32, torch.bfloat16):
        return False
    x = (torch.arange(4 * 16) % 5).view(4, 16).to(dtype)
    weight = (torch.arange(8 * 16) % 3 - 1).view(8, 16).to(dtype)
    bias = torch.arange(8).to(dtype)
    try:
        with torch.no_grad():
            return all(
                torch.equal(_onednn(x, weight, b), torch.nn.functional.linear(x, weight, b)) for b in (bias, None)
            )
    except (AttributeError, RuntimeError, NotImplementedError):  # renamed, or no kernel for this processor
        return False
