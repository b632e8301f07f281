"""The questions of the `strict` protocol, word for word. Changing one is a new version of its task."""

from __future__ import annotations

from collections.abc import Sequence

DISH = "What is the name of the dish in this image? Answer with the name of the dish only."

INGREDIENTS = "List the ingredients you can see in this image."

TOTAL_NUTRITION = (
    "Estimate the nutrition of the whole meal in this image. "
    "Answer with calories (kcal), mass (g), fat (g), carbohydrate (g) and protein (g)."
)

PORTION_NUTRITION = "Give me the mass, calories and macronutrients of the {ingredient} in this dish."

BREAKDOWN = (
    "Give the mass (g), calories (kcal), fat (g), carbohydrate (g) and protein (g) of each ingredient in this image, "
    "one line per ingredient, and then of the whole meal in a last line that begins with 'Total'."
)

RECIPE = "Write a recipe (title, ingredients, steps) for the meal in this image."

INSTRUCTIONS = "How do I cook this dish? Answer in steps."

NOTHING = "There is nothing on the plate."
"""What the oracle says of an empty plate."""

REFER: tuple[str, ...] = (
    "Please segment the {ingredient} in this image.",
    "Can you segment the {ingredient} in this picture?",
    "Where is the {ingredient}? Please output its segmentation mask.",
    "Mark the {ingredient} with a segmentation mask.",
)

REFER_SEVERAL: tuple[str, ...] = (
    "Please segment the {ingredients} in this image.",
    "Can you segment the {ingredients} in this picture?",
    "Could you outline the {ingredients} on this plate?",
)

EVERYTHING: tuple[str, ...] = (
    "Segment all the ingredients in this image.",
    "Mark every ingredient in this picture with a segmentation mask.",
)


def with_history(history: Sequence[tuple[str, str]], question: str) -> str:
    """A question after earlier turns of its dialogue, as plain text; the question alone if there are none."""
    if not history:
        return question
    told = "".join(f"Question: {asked}\nAnswer: {answered}\n" for asked, answered in history)
    return f"{told}Question: {question}"


def enumerate_names(names: Sequence[str]) -> str:
    """The names as in running text: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def is_plural(name: str) -> bool:
    """Whether a noun takes "are"; the rule of FoodLMM's released code."""
    return name.endswith("es") or (name.endswith("s") and not name.endswith(("us", "is")))


def masks_sentence(names: Sequence[str]) -> str:
    """FoodLMM's answer that gives each name its mask: "The rice is masked as [SEG1], egg as [SEG2]."."""
    parts = [f"The {names[0]} {'are' if is_plural(names[0]) else 'is'} masked as [SEG1]"]
    parts += [f"{name} as [SEG{number}]" for number, name in enumerate(names[1:], start=2)]
    return ", ".join(parts) + "."
