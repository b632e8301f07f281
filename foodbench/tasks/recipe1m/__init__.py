"""Tasks of Recipe1M."""
