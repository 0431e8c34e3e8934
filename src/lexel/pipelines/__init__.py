"""Composing: grammar, registry, resolving, the Pipeline itself."""
