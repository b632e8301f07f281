"""How each family of models is asked: its chat, its pixels, its begin-of-text tokens.

Source: AdaMLLM (arXiv 2411.19930), Appendix C, and what its released evaluation does, as functional facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foodbench.core.errors import CheckpointError

QWEN_SYSTEM = "You are a helpful assistant."
LLAVA_SYSTEM = (
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user "
    "provides, and assist the user with a variety of tasks using natural language."
)
"""LLaVA-NeXT's own system turn for Llama 3."""
_LLAVA_PROMPT = (
    "{begin}<|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{picture}\n{question}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)


@dataclass(frozen=True, slots=True)
class Family:
    """What the checkpoints of one architecture have in common.

    Attributes:
        architecture: `model_type` of the configuration.
        system: words of the system's turn; None: there is none.
        template: of the whole prompt; None: the checkpoint's own chat template.
        begins: begin-of-text tokens in front of `template`. LLaVA's training had two, so answering has them too.
        stops: tokens that end an answer besides the checkpoint's own.
        min_pixels, max_pixels: limits of pictures; None: the processor's own.
    """

    architecture: str
    system: str | None = None
    template: str | None = None
    begins: int = 1
    stops: tuple[str, ...] = ()
    min_pixels: int | None = None
    max_pixels: int | None = None

    def messages(self, question: str, system: str | None) -> list[dict[str, Any]]:
        """The chat of a question about a picture, for a chat template."""
        head = [] if system is None else [{"role": "system", "content": [{"type": "text", "text": system}]}]
        return [*head, {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]

    def prompt(self, processor: Any, question: str, system: str | None = None) -> str:
        """The whole text of a question about a picture, up to where the answer begins.

        Args:
            processor: of the checkpoint.
            question: without special tokens.
            system: instead of the family's own words.

        Raises:
            CheckpointError: the checkpoint has no chat template, and its family needs it.
        """
        told = self.system if system is None else system
        if self.template is not None:
            begin = (processor.tokenizer.bos_token or "") * self.begins
            parts = {"begin": begin, "system": told or "", "picture": processor.image_token, "question": question}
            return self.template.format(**parts)
        if not getattr(processor, "chat_template", None):
            raise CheckpointError(
                f"The checkpoint has no chat template, which a {self.architecture} needs.",
                hint="Copy chat_template and tokenizer files of the base model into its folder.",
            )
        chat = self.messages(question, told)
        return str(processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=False))


_QWEN_PIXELS = {"min_pixels": 224 * 224, "max_pixels": 1280 * 28 * 28}
FAMILIES: Mapping[str, Family] = {
    one.architecture: one
    for one in (
        Family("qwen2_vl", QWEN_SYSTEM, **_QWEN_PIXELS),  # type: ignore[arg-type]
        Family("qwen2_5_vl", QWEN_SYSTEM, **_QWEN_PIXELS),  # type: ignore[arg-type]
        Family("llava_next", LLAVA_SYSTEM, _LLAVA_PROMPT, begins=2, stops=("<|eot_id|>", "<|end_of_text|>")),
        Family("mllama", stops=("<|eot_id|>", "<|end_of_text|>")),
    )
}
"""By architecture."""


def family_of(architecture: str) -> Family:
    """The family of an architecture.

    Raises:
        CheckpointError: it is none of them.
    """
    if architecture not in FAMILIES:
        raise CheckpointError(f"A {architecture} is not supported here.", hint=f"Known: {', '.join(FAMILIES)}.")
    return FAMILIES[architecture]


__all__ = ["FAMILIES", "LLAVA_SYSTEM", "QWEN_SYSTEM", "Family", "family_of"]
