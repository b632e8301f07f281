"""Types, errors, registry, files: the ground floor. Standard library and numpy only."""
