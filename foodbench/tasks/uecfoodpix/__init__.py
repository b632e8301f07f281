"""Tasks of UEC-FoodPix Complete."""
