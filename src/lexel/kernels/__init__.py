"""Linear layers and attention, each one stateless function."""
