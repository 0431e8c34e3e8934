"""Looping over inputs: account, prefetch, batch, resume."""
