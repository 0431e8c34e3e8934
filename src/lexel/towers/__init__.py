"""Towers: one published family a file."""
