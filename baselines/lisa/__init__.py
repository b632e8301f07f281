"""LISA: a mask for one thing at a time."""
