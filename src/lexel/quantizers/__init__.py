"""Quantizers: vectors → codes and back. One method a file, named as in pipelines."""
