"""Tasks of FoodReasonSeg."""
