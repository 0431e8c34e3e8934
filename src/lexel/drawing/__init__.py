"""Tokens on pictures: PNG, SVG, HTML, terminal."""
