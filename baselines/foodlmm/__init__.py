"""The small FoodLMM that the package carries: trained from nothing on rendered plates."""
