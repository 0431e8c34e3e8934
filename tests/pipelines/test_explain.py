"""The path through the library, as it ran."""

from itertools import pairwise

import numpy as np
from house.plan import SOURCE

import lexel
from lexel.pipelines.explain import explain


def path_of(text, size=(32, 48)):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return explain(lexel.pipeline(text), lexel.read(pixels))


def test_stations_come_in_the_order_of_their_calls_with_shapes():
    stations = {station.function: station for station in path_of("patch(16) | tome(r=2)")}
    order = list(stations)
    assert order.index("decode") < order.index("Evidence.of") < order.index("ToMe.plan") < order.index("Tokens.apply")
    assert stations["decode"].given == "Picture 32×48"
    assert stations["Patch.tokenize"].given == "Tokens 6 × [768] uint8"
    assert stations["ToMe.plan"].given == "Plan 6 → 4"
    assert stations["Tokens.apply"].taken == "Tokens 6 × [768] uint8, Plan 6 → 4"
    assert stations["Tokens.apply"].given == "Tokens 4 × [768] float32"


def test_a_place_is_where_the_function_is_written():
    for station in path_of("patch(16) | pool(2)"):
        file, line = station.place.split(":")
        written = (SOURCE / file).read_text(encoding="utf-8").splitlines()[int(line) - 1 : int(line) + 3]
        assert any(f"def {station.function.rpartition('.')[2]}(" in text for text in written)
        assert station.says


def test_a_station_inside_another_is_deeper_and_not_longer():
    stations = path_of("patch(16) | tome(r=2)")
    for outer, inner in pairwise(stations):
        if inner.depth > outer.depth:
            assert inner.seconds <= outer.seconds


def test_bytes_are_those_of_the_arrays():
    stations = {station.function: station for station in path_of("patch(16)")}
    assert stations["decode"].size == 32 * 48 * 3
