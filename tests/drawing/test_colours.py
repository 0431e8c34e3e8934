"""Colours: different from each other, and heat that rises in lightness too."""

import numpy as np

from lexel.drawing import colours


def lightness(rgb):
    """Relative luminance of sRGB (WCAG)."""
    part = np.asarray(rgb) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_heat_rises_in_lightness_from_end_to_end():
    ramp = colours.heat(np.linspace(0, 1, 200))
    assert (np.diff(lightness(ramp)) > -1e-3).all()
    assert colours.css(tuple(ramp[0].tolist())) == "#440154"
    assert colours.css(tuple(ramp[-1].tolist())) == "#fde725"


def test_heat_outside_its_range_is_the_nearest_end():
    assert (colours.heat(np.array([-1.0, 2.0])) == colours.heat(np.array([0.0, 1.0]))).all()
    assert colours.heat(np.zeros((2, 0))).shape == (2, 0, 3)


def test_names_are_seven_colours_and_then_begin_again():
    assert len(np.unique(colours.names(np.arange(7)), axis=0)) == 7
    assert (colours.names(np.array([0, 8])) == colours.names(np.array([7, 1]))).all()


def test_no_name_is_lost_on_white_or_on_black():
    shades = lightness(colours.NAMES)
    on_black, on_white = (shades + 0.05) / 0.05, 1.05 / (shades + 0.05)
    assert on_black.min() > 3
    assert np.sort(on_white)[1:].min() > 1.8  # yellow is the exception that the head admits
