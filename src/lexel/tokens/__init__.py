"""The value that flows: Tokens, what its rows mean, its checks, its files, the protocols around it."""
