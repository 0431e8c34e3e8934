"""One ragged level, nothing more: plans and the segment primitives under them."""
