"""Blocks that two methods share; no family by name."""
