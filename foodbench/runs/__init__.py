"""Runs on disk: their schema, their folder, their provenance."""
