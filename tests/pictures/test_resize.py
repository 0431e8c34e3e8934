import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures.samples import pixels
from PIL import Image

from lexel.pictures.resize import fit, pillow_bicubic, pillow_box


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_a_kernel_equals_the_one_it_is_named_after(height: int, width: int, h: int, w: int) -> None:
    source = pixels(height, width)
    for kernel, pillow in ((pillow_bicubic, Image.Resampling.BICUBIC), (pillow_box, Image.Resampling.BOX)):
        assert np.array_equal(kernel(source, (h, w)), np.asarray(Image.fromarray(source).resize((w, h), pillow)))


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_box_is_the_mean_of_the_area(factor: int) -> None:
    source = pixels(4 * factor, 3 * factor)
    for y in range(4):
        for x in range(3):
            area = source[y * factor : (y + 1) * factor, x * factor : (x + 1) * factor]
            assert np.abs(pillow_box(source, (4, 3))[y, x] - area.mean((0, 1))).max() <= 1  # rounded twice


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 2000))
def test_fit_scales_down_to_the_longest_side_and_never_up(height: int, width: int, longest: int) -> None:
    h, w = fit((height, width), longest)
    assert max(h, w) == min(max(height, width), longest)
    assert min(h, w) >= 1
    assert abs(h * width - w * height) <= max(height, width)  # half a pixel of either side
