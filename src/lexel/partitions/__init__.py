"""Tokenizers without torch: one method a file, named as in pipelines."""
