"""The six segment primitives under one name each; the value given decides who computes.

    segment_sum  segment_max  segment_argsort  segment_match  take  repeat

Selectors import from here and never ask which library holds their arrays.
"""

from lexel.ragged.numpy_ops import repeat, segment_argsort, segment_match, segment_max, segment_sum, take

__all__ = ["repeat", "segment_argsort", "segment_match", "segment_max", "segment_sum", "take"]
