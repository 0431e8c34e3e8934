"""The lexel command: one thin file a group of commands."""
