"""The questions of the `strict` protocol, word for word. Changing one is a new version of its task."""

from __future__ import annotations

DISH = "What is the name of the dish in this image? Answer with the name of the dish only."

TOTAL_NUTRITION = (
    "Estimate the nutrition of the whole meal in this image. "
    "Answer with calories (kcal), mass (g), fat (g), carbohydrate (g) and protein (g)."
)

REFER: tuple[str, ...] = (
    "Please segment the {ingredient} in this image.",
    "Can you segment the {ingredient} in this picture?",
    "Where is the {ingredient}? Please output its segmentation mask.",
    "Mark the {ingredient} with a segmentation mask.",
)
