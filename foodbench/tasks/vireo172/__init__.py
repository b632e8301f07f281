"""Tasks of VIREO Food-172."""
