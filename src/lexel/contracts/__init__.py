"""The contract of every kind of method, check by check; `lexel.testing` is its door."""
