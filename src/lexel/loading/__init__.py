"""Loading: names and files → modules, and back."""
