"""Image-token rules of language models: how many tokens a picture of a given size becomes."""
