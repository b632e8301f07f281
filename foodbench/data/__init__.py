"""Real dataset layouts to records, the dataset catalog, and the synthetic kitchen."""
