"""The three turns that a synthesiser is tuned on and writes: which words ask for which kind of answer."""

from __future__ import annotations

from dataclasses import dataclass

from foodbench.core.errors import UnknownName


@dataclass(frozen=True, slots=True)
class Wire:
    """The fixed words of the three turns.

    Attributes:
        name: in settings.
        describe: asks for the caption.
        precise: stands in the line before an instruction that wants the bare answer.
        informative: likewise, for the answer that explains itself.
    """

    name: str
    describe: str
    precise: str
    informative: str

    def asked(self, kind: str, instruction: str) -> str:
        """The user's words of a task turn; `kind` is `precise` or `informative`."""
        return f"{self.precise if kind == 'precise' else self.informative}\n{instruction}"


WIRES = {
    one.name: one
    for one in (
        Wire("own", "What does this picture show?", "Reply in brief.", "Reply in detail."),
        # A functional fact: the strings that the released `AdaptLLM/visual-instruction-synthesizer` was tuned on.
        # Source: AdaMLLM (arXiv 2411.19930), Table 1.
        Wire(
            "paper",
            "Describe the image.",
            "Answer with a precise response.",
            "Answer with an informative response.",
        ),
    )
}


def wire_named(name: str) -> Wire:
    """The wording of that name.

    Raises:
        UnknownName: there is none.
    """
    if name not in WIRES:
        raise UnknownName.of("wording", name, WIRES)
    return WIRES[name]
