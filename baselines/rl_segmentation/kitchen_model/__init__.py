"""A Qwen2.5-VL of about a million parameters that learns to point at ingredients of rendered plates."""
