"""Which kind of task an instruction is: the paper's list, and rules that guess from the words.

The names are those of AdaMLLM's Figure 5 and Appendix D. The appendix has twenty; the shares that the paper prints
(4/17 = 23.5, 9/17 = 52.9, ... 13/17 = 76.5) count seventeen, which is the number in Figure 5. So diversity is measured
against seventeen, and the other three are known but do not count.
"""

from __future__ import annotations

import re

COMMON_TYPES: tuple[str, ...] = (
    "domain classification",
    "object recognition",
    "pose and activity recognition",
    "logo detection",
    "face and expression classification",
    "scene classification",
    "sentiment analysis",
    "caption generation",
    "text detection and ocr",
    "image-text matching",
    "anomaly detection",
    "style classification",
    "attribute and context recognition",
    "task-oriented image recognition",
    "step-by-step guidance",
    "data representation",
    "utility and affordance recognition",
)
"""Those that diversity is measured against."""
FURTHER_TYPES: tuple[str, ...] = ("visual grounding", "segmentation", "visual storytelling")
OTHER = "other"
ALL_TYPES: tuple[str, ...] = (*COMMON_TYPES, *FURTHER_TYPES, OTHER)

# The first rule that fits names the type; the special come before the general.
_RULES: tuple[tuple[str, str], ...] = (
    ("domain classification", r"\(a\).*\(b\)|\b(classify|classification)\b"),
    ("segmentation", r"\b(segment|outline|mask)\b"),
    ("visual grounding", r"\b(bounding box|coordinates|where exactly|point (at|to))\b"),
    ("visual storytelling", r"\b(story|narrative)\b"),
    ("logo detection", r"\b(logo|brand)\b"),
    ("text detection and ocr", r"\b(written|printed|read the (text|label)|what does .* say|menu text|ocr)\b"),
    ("data representation", r"\b(chart|graph|table|plot|diagram|axis)\b"),
    (
        "image-text matching",
        r"\b(match(es)?|fits?|true of|support(s|ed)?|describes? it|statement|sentence)\b",
    ),
    ("anomaly detection", r"\b(odd one|not in the picture|missing|unusual|wrong with|anomal\w+|does not belong)\b"),
    (
        "step-by-step guidance",
        r"\b(steps?|next|previous|before that|how (is|are|do|would) .*(cook|make|prepare)\w*|done with)\b",
    ),
    ("caption generation", r"\b(caption|describe|description|impression|in a (few|single) (words|sentence))\b"),
    ("sentiment analysis", r"\b(feel(ing)?|mood|sentiment|emotion|appetising)\b"),
    ("face and expression classification", r"\b(face|expression|smil\w+)\b"),
    ("pose and activity recognition", r"\b(pose|doing|activity)\b"),
    ("style classification", r"\b(style|painting|drawn|quality of the (photo|picture))\b"),
    ("scene classification", r"\b(scene|indoors|outdoors|restaurant|setting|where was)\b"),
    ("utility and affordance recognition", r"\b(used for|suitable for|which tool|eaten with|purpose)\b"),
    ("domain classification", r"\b(which (kind|type|group|class|category|cuisine|course)|vegetarian|vegan|free of)\b"),
    ("task-oriented image recognition", r"\b(kcal|calories|nutrition|protein|carbohydrate|estimate|diagnos\w+)\b"),
    (
        "attribute and context recognition",
        r"\b(how many|how much|(is|are) there|do you see|be seen|more|most|least|heaviest|lightest|colou?r|count)\b",
    ),
    ("object recognition", r"\b(what (dish|food|meal|is this|is shown)|name|identify|recogni[sz]e|called|which)\b"),
)
_COMPILED = tuple((name, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for name, pattern in _RULES)
_LOOKED_AT = 2_000


def guess_task_type(instruction: str) -> str:
    """The type that an instruction's words speak for; `other` if none does.

    A guess for statistics: rated types (see `quality`) are what diversity should be reported from.
    """
    words = instruction[:_LOOKED_AT]
    return next((name for name, pattern in _COMPILED if pattern.search(words)), OTHER)
