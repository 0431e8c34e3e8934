"""Published layouts: a family's files a file, a key a line."""
