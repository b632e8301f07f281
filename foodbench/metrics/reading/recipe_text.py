"""A generated recipe as title, ingredient lines and steps, by its headers and list markers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foodbench.core.types import well_formed
from foodbench.metrics.reading.ingredient_lines import ingredient_phrase, is_preparation
from foodbench.metrics.reading.names import MAX_ANSWER_CHARS
from foodbench.metrics.reading.sentences import has_marker, sentences, without_marker

__all__ = ["Recipe", "ingredient_phrase", "read_recipe"]

_SECTIONS: Mapping[str, str] = {
    "title": "title|name|recipe name|recipe title|dish|dish name|name of the dish|recipe",
    "ingredients": "ingredients|ingredient list|list of ingredients|ingredients list|ingredients needed|you will need"
    "|what you need|what you will need|shopping list",
    "steps": "instructions|steps|directions|method|procedure|preparation|preparation steps|cooking instructions"
    "|cooking steps|cooking directions|recipe steps|step by step instructions|how to make it|how to cook"
    "|preparation method",
    "other": "notes?|tips?|nutrition|nutritional information|nutrition facts|serves|servings|yield|yields|description"
    "|introduction|prep time|preparation time|cook time|cooking time|total time|difficulty|equipment|cuisine|course"
    "|serving suggestions?|variations?|storage|calories|source|category|keywords|image|utensils",
}
_SECTION_OF = {name: section for section, names in _SECTIONS.items() for name in names.split("|")}
_NAMES = "|".join(sorted(("|".join(_SECTIONS.values())).split("|"), key=len, reverse=True))

# A header begins a line and stands alone on it or in front of a colon; in running text it begins a sentence.
_LINE_HEADER = re.compile(
    rf"[\s#>*_\d.\-–•)]{{0,12}}(?:for the )?({_NAMES})\s?(?:\([^()\n]{{0,40}}\))?[*_\s]{{0,4}}(?:[:：][*_]{{0,2}}|$)",
    re.IGNORECASE,
)
_INLINE_HEADER = re.compile(rf"(?<=[.;!?])\s+({_NAMES})\s?[:：]", re.IGNORECASE)
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(\S.*)|\s*\*\*([^*\n]{2,100})\*\*\s*")
_ABOUT = re.compile(
    r"(?:here(?:'s|’s| is| are)|sure|certainly|of course|this|these|it(?:'s| is)|i(?:'m| am| can)|to make|the dish|an? "
    r"(?:recipe|image|photo))\b",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[a-zA-Z]{0,12}\s*\n?|```")
_JSON_MARKS = re.compile(r'["{}\[\]]')
_JSON_ITEM = re.compile(r'"\s{0,9},\s{0,9}"')
_KEY = re.compile(rf",\s{{0,9}}(?=(?:{_NAMES})\s?:)", re.IGNORECASE)
_MAX_TITLE = 120
_MAX_KEYS = 2_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What was read from a recipe's text.

    Attributes:
        title: empty if the text gives none.
        ingredients: the lines of the ingredient list, quantities included.
        steps: the instructions, one step each; the whole text, sentence by sentence, if it has no headers.
    """

    title: str = ""
    ingredients: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


def read_recipe(text: str) -> Recipe:
    """Split a recipe. Linear in the length of the text.

    Understands `Title:`, `Ingredients:`, `Instructions:` (`Steps:`, `Directions:`, `Method:`) as lines, Markdown
    headings or bold words, all of it on one line, and a JSON object with such keys, broken off or not.
    """
    text = _FENCE.sub("\n", text[:MAX_ANSWER_CHARS]).strip()
    plain = _json_object(text)
    if plain is not None:
        recipe = _from_json(plain)
        if recipe.ingredients or recipe.steps:
            return recipe
    elif text.startswith("{"):
        text = _KEY.sub("\n", _JSON_MARKS.sub(" ", _JSON_ITEM.sub("\n", text)))
    sections = list(_sections(text))
    if not any(section in ("ingredients", "steps") for section, _ in sections):
        title = next((body.strip() for section, body in sections if section == "title"), "")
        body = "\n".join(body for section, body in sections if section in ("", "title" if not title else ""))
        return Recipe(title=_title_line(title), steps=tuple(sentences(body or text)))
    title = ""
    ingredients: list[str] = []
    steps: list[str] = []
    for section, body in sections:
        if section == "ingredients":
            ingredients += _ingredient_lines(body)
        elif section == "steps":
            steps += _step_lines(body)
        elif not title:
            title = _title_line(body) if section == "title" else _heading(body)
    return Recipe(title, tuple(ingredients), tuple(steps))


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """The parts of the text with what their header calls them; the part in front of the first header is called ""."""
    section, lines = "", list[str]()
    for line in text.splitlines():
        parts = [line]
        if _INLINE_HEADER.search(line):
            parts = _INLINE_HEADER.sub(lambda match: "\n" + match[0].strip(), line).split("\n")
        for part in parts:
            header = _LINE_HEADER.match(part)
            if header is None:
                lines.append(part)
                continue
            yield section, "\n".join(lines)
            section, lines = _SECTION_OF.get(_known(header[1]), "other"), [part[header.end() :]]
    yield section, "\n".join(lines)


def _known(name: str) -> str:
    name = name.lower()
    return name if name in _SECTION_OF else f"{name}?"


def _title_line(body: str) -> str:
    """The first line of a title's section."""
    line = next((plain for line in body.splitlines() if (plain := without_marker(line))), "")
    return line[:_MAX_TITLE].rstrip(" .:").strip("\"'")


def _heading(body: str) -> str:
    """The title in what stands in front of the first header: a heading, or a line that is short and no sentence."""
    lines = [line for line in body.splitlines() if line.strip()]
    for line in lines:
        match = _HEADING.fullmatch(line)
        if match:
            return _title_line(match[1] or match[2])
    telling = [line.strip() for line in lines if not _ABOUT.match(line.strip())]
    if len(telling) == 1 and len(telling[0]) <= 80 and not telling[0].endswith((".", "!", "?", ":")):
        return _title_line(telling[0])
    return ""


def _ingredient_lines(body: str) -> list[str]:
    lines = [line for line in body.splitlines() if re.search(r"\w", line)]
    if len(lines) == 1 and not has_marker(lines[0]):
        return _enumerated(lines[0])
    plain = (without_marker(line) for line in lines)
    return [line for line in plain if line and not line.endswith(":")]


def _enumerated(line: str) -> list[str]:
    """The items of a list in running text; what describes an item stays with it ("2 onions, chopped")."""
    items: list[str] = []
    for part in _split_outside_brackets(without_marker(line).rstrip(" .")):
        words = part.split()
        if items and words and (is_preparation(words[0]) or part.lower().startswith(("to taste", "plus ", "or "))):
            items[-1] = f"{items[-1]}, {part}"
        elif words:
            items.append(part.removeprefix("and ").strip())
    if len(items) > 1 and items[-1].count(" and ") == 1:
        items[-1:] = items[-1].split(" and ")
    return [item for item in items if item]


def _split_outside_brackets(line: str) -> list[str]:
    separator = ";" if ";" in line else ","
    parts, depth, start = [], 0, 0
    for place, char in enumerate(line):
        if char in "([":
            depth += 1
        elif char in ")]":
            depth = max(0, depth - 1)
        elif (
            char == separator
            and depth == 0
            and not (line[place - 1 : place].isdigit() and line[place + 1 : place + 2].isdigit())
        ):
            parts.append(line[start:place].strip())
            start = place + 1
    return [*parts, line[start:].strip()]


def _step_lines(body: str) -> list[str]:
    lines = [line for line in body.splitlines() if re.search(r"\w", line)]
    if sum(map(has_marker, lines)) > 1:
        return [plain for line in lines if (plain := without_marker(line)) and not plain.endswith(":")]
    return [step for step in sentences("\n".join(lines)) if not step.endswith(":")]


def _json_object(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def _from_json(plain: Mapping[str, Any]) -> Recipe:
    inner = next(
        (value for key, value in plain.items() if str(key).lower() == "recipe" and isinstance(value, dict)), None
    )
    found: dict[str, Any] = {}
    for key, value in list((inner or plain).items())[:_MAX_KEYS]:
        found.setdefault(_SECTION_OF.get(str(key).lower().replace("_", " ").strip(), "other"), value)
    title, ingredients, steps = (found.get(section) for section in ("title", "ingredients", "steps"))
    ingredients = _ingredient_lines(ingredients) if isinstance(ingredients, str) else _json_lines(ingredients)
    steps = _step_lines(steps) if isinstance(steps, str) else _json_lines(steps)
    # An escape in JSON may be half a character, which no file can hold.
    return Recipe(
        title=well_formed(_title_line(title)) if isinstance(title, str) else "",
        ingredients=tuple(map(well_formed, ingredients)),
        steps=tuple(map(well_formed, steps)),
    )


def _json_lines(value: Any) -> list[str]:
    """The items of a list as lines: strings as they are, of objects the values ("amount": "2", "name": "eggs")."""
    if isinstance(value, dict):
        value = [f"{amount} {name}" if not isinstance(amount, (dict, list)) else name for name, amount in value.items()]
    lines = []
    for item in value if isinstance(value, list) else []:
        if isinstance(item, dict):
            item = " ".join(
                str(part) for key, part in item.items() if isinstance(part, (str, float)) or key == "quantity"
            )
        if isinstance(item, str) and (line := without_marker(item)):
            lines.append(line)
    return lines
