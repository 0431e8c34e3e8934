"""Evaluation: what an encoder is worth, by the published measures."""
