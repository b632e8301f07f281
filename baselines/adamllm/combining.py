"""From a kept triplet to one exchange: the informative answer as the reasoning, the precise one as its conclusion.

Source: AdaMLLM (arXiv 2411.19930), Section 3.1.2, and the behaviour of its released code: an answer that concludes
itself already gets no second conclusion.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Literal

from baselines.adamllm.records import Triplet, defuse
from baselines.adamllm.templates import Pattern, fill, forward, inverted
from foodbench.core.hashing import stable_seed

Mix = Literal["forward_only", "released_mix"]
Responses = Literal["combined", "precise", "informative"]
Indicators = Literal["literal", "words"]

INDICATORS = ("could be", "so", "thus", "therefore", "final", "answer", "result")
"""Words that tell a conclusion (the released code's list, a functional fact)."""
_WHOLE_WORDS = re.compile(rf"\b({'|'.join(INDICATORS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its response, as they are learnt.

    Attributes:
        question: what the user says.
        response: what is learnt.
        kind: `reasoned`, `concluded` (the informative answer alone), `appended` (the precise one behind it), `precise`
            or `informative`.
        direction: of the pattern: `forward`, `answer_first`, `reasoning_only` or `inverted`.
    """

    question: str
    response: str
    kind: str
    direction: str


def concludes(text: str, how: Indicators = "literal") -> bool:
    """Whether a text holds an indicator.

    Args:
        text: an answer, or its last sentence.
        how: `literal`: as the released code has it, an indicator in lower case followed by a blank, also inside another
            word ("also " holds "so "). `words`: whole words in any case.
    """
    if how == "words":
        return _WHOLE_WORDS.search(text) is not None
    return any(f"{word} " in text for word in INDICATORS)


def last_sentence(text: str) -> str:
    """What comes after the last full stop with a blank behind it."""
    return text.rstrip().rsplit(". ", 1)[-1]


def combine(
    triplet: Triplet,
    name: str,
    *,
    mix: Mix = "forward_only",
    responses: Responses = "combined",
    indicators: Indicators = "literal",
    seed: int = 0,
) -> Exchange:
    """The exchange of a triplet.

    Args:
        triplet: a kept one.
        name: the pair's id; the pattern is drawn by it.
        mix: `forward_only`: only patterns in which the question is asked and reasoning is followed by the answer, as
            the paper describes. `released_mix`: the kinds of the released set in their shares.
        responses: `combined`; or only one of the two answers, as in the ablation without the filter.
        indicators: how a conclusion is told, see `concludes`.
        seed: of the draw.
    """
    rng = random.Random(stable_seed("pattern", seed, name))
    texts = {"question": triplet.instruction, "reasoning": triplet.informative, "answer": triplet.precise}
    kind: str
    if responses != "combined":
        kind, texts["answer"] = responses, getattr(triplet, responses)
    elif concludes(last_sentence(triplet.informative), indicators):
        kind, texts["answer"] = "concluded", triplet.informative
    elif concludes(triplet.precise, indicators):
        kind, texts["answer"] = "appended", f"{triplet.informative} {triplet.precise}"
    else:
        kind = "reasoned"
        texts["answer"] = triplet.precise.rstrip(".") or triplet.precise
        if triplet.informative[-1:].isalnum():
            texts["reasoning"] = f"{triplet.informative}."
    direction, pattern = _draw(kind == "reasoned", mix, rng)
    question, response = fill(pattern, texts)
    return Exchange(defuse(question), _tidy(defuse(response)), kind, direction)


_POOLS: dict[bool, dict[str, tuple[Pattern, ...]]] = {
    True: {
        "forward": forward.REASONED,
        "answer_first": inverted.ANSWER_FIRST,
        "reasoning_only": inverted.REASONING_ONLY,
        "inverted": inverted.INVERTED,
    },
    False: {"forward": forward.PLAIN, "inverted": inverted.PLAIN_INVERTED},
}


def _draw(reasoned: bool, mix: Mix, rng: random.Random) -> tuple[str, Pattern]:
    direction = "forward"
    if mix == "released_mix":
        shares = inverted.REASONED_SHARES if reasoned else inverted.PLAIN_SHARES
        direction = rng.choices(list(shares), weights=list(shares.values()))[0]
    return direction, rng.choice(_POOLS[reasoned][direction])


def _tidy(text: str) -> str:
    """No double full stop where a pattern and a text both have one."""
    return re.sub(r"(?<=[^.])\.\.(?=\s|$)", ".", text)
