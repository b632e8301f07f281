"""FoodSeg103: point at ingredients."""
