"""Training: losses, data, the trainer and its recipes."""
