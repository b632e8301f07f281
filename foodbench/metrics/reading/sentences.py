"""Where sentences end and list items begin in recipes."""

from __future__ import annotations

import re

_ABBREVIATIONS = (
    "oz|lb|lbs|tbsp|tbsps|tbs|tblsp|tsp|tsps|pkg|pkgs|pkt|approx|min|mins|hr|hrs|sec|qt|qts|pt|pts|gal|doz|lg|sm|med|"
    "env|ctn|sq|deg|temp|e\\.g|i\\.e|etc|vs|dr|mr|mrs|st|no|ca|c|t|g|kg|ml|cm|in|f"
)
# The full stop of an abbreviation ends no sentence if what follows goes on in lower case, with a digit or in brackets.
_ABBREVIATED = re.compile(rf"(?<![\w.])((?i:{_ABBREVIATIONS}))\.(?=\s{{0,2}}[a-z0-9(,½¼¾⅓⅔])")
_AFTER_NUMBER_ONLY = frozenset(("c", "t", "g", "in", "f", "no", "st", "min"))

LIST_MARKER = re.compile(
    r"\s*(?:"
    r"(?:--?|[*+•·▪‣◦–—])(?=\s)"
    r"|[•·▪‣◦]"
    r"|\[[-+*xX ]?\]\.?"
    r"|[(\[]?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[)\]]\.?(?=\s|$)"
    r"|(?:\d{1,3}|[IVX]{1,5}|[A-Z])[.:](?=\s|$)"
    r"|\d{1,3}[.)](?=[A-Za-z])"
    r"|\*{0,2}[Ss]tep\s{0,2}\d{1,3}\*{0,2}(?:\s{0,2}[.:)–-]+\*{0,2}|(?=\s))"
    r")\s*"
)
"""What stands in front of a list item: "-", "2.", "(a).", "[1]", "Step 3:"."""

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=\S)|\n+")
_INLINE_NUMBER = re.compile(r"(?<=\s)\(?(\d{1,2})[.)]\s+(?=[A-Z])")


def protect_abbreviations(text: str) -> str:
    """The text without the full stops that end no sentence: "2 tbsp. oil" becomes "2 tbsp oil"."""

    def plain(match: re.Match[str]) -> str:
        if match[1].lower() in _AFTER_NUMBER_ONLY and not re.search(r"[\d½¼¾⅓⅔]\s{0,2}$", text[: match.start()][-4:]):
            return match[0]
        return match[1]

    return _ABBREVIATED.sub(plain, text)


def without_marker(line: str) -> str:
    """A list item without its marker, heading signs and emphasis."""
    line = line.strip().lstrip("#>").strip()
    marker = LIST_MARKER.match(line)
    if marker and marker.end() < len(line):
        line = line[marker.end() :]
    return line.replace("**", "").replace("__", "").strip().strip("*`").strip()


def has_marker(line: str) -> bool:
    """Whether a line is a list item."""
    return LIST_MARKER.match(line) is not None


def sentences(text: str) -> list[str]:
    """The sentences of running text, without list markers; line breaks and numbers in front of steps end one, too."""
    lined = _steps_on_lines(protect_abbreviations(text))
    return [plain for part in _SENTENCE_END.split(lined) if (plain := without_marker(part)) and re.search(r"\w", plain)]


def _steps_on_lines(text: str) -> str:
    """Break the line in front of "2. Bake": a number behind a sentence's end, or one more than the last such number."""
    parts: list[str] = []
    end = last = 0
    for match in _INLINE_NUMBER.finditer(text):
        if int(match[1]) == last + 1 or text[match.start() - 2 : match.start() - 1] in (".", ";", "!", "?", ":"):
            parts.append(text[end : match.start()])
            end, last = match.end(), int(match[1])
    return "\n".join([*parts, text[end:]])
