"""New pictures from codes: how likely each code is beside the others, and in which order codes are drawn."""
