"""Nutrition5k: estimate energy, mass and macronutrients."""
