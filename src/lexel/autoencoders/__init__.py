"""Autoencoders: pictures to codes or latents and back, one published family a file."""
