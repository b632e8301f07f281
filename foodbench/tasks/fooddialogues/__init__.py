"""Tasks of FoodDialogues."""
