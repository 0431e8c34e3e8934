"""Selectors: evidence in, plan out. One method a file, named as in pipelines."""
