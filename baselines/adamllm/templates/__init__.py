"""How a question, its reasoning and its answer become one exchange: patterns with three fields, all written anew.

Each pattern is (what is asked, what is answered). `fill` puts the texts in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

Pattern = tuple[str, str]
_FIELD = re.compile(r"\{(question|reasoning|answer)\}")


def fill(pattern: Pattern, texts: Mapping[str, str]) -> tuple[str, str]:
    """Both sides of a pattern with the texts in their places; braces in the texts stay what they are."""
    asked, answered = (_FIELD.sub(lambda found: texts[found[1]], side) for side in pattern)
    return asked, answered
