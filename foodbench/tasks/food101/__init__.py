"""Food-101: name the dish."""
