"""A mesh as files: found, loaded with file, line and column, cached, scaffolded, pinned."""
