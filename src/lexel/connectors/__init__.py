"""Connectors: vectors and tokens → another space."""
