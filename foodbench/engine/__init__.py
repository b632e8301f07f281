"""Runs tasks through lmms-eval, crash-safe and resumable; makes the food tasks known to lmms-eval."""
