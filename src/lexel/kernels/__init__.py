"""Linear layers, attention, nearest codes, each one stateless function."""
