"""Training recipes of the systems that foodbench compares; run as scripts from the repository's root."""
