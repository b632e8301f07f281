"""What a model is asked: the templates of prompts, and chats made from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SYSTEM = "You are a helpful assistant."
"""Qwen2.5-VL's own system turn, which its chat template adds if a chat has none."""

_EXAMPLE = (
    '[{"bbox_2d": [10,100,200,210], "point_2d": [30,110]}, {"bbox_2d": [225,296,706,786], "point_2d": [302,410]}]'
)
PAPER_PROMPT = (
    'Please find "{question}" with bboxs and points.'
    "Compare the difference between object(s) and find the most closely matched object(s)."
    "Output the thinking process in <think> </think> and final answer in <answer> </answer> tags."
    "Output the bbox(es) and point(s) inside the interested object(s) in JSON format."
    f"i.e., <think> thinking process here </think><answer>{_EXAMPLE}</answer>"
)
"""VisionReasoner's prompt, byte for byte: its sentences have no blanks between them."""

SHORT_PROMPT = 'Please find "{question}" with bboxs and points.'
"""Its first sentence, for small models that have learnt the form of answers."""

_SLOT = "{question}"


def clean_question(question: str) -> str:
    """A question without the quotes and marks around it (VisionReasoner's evaluation scripts)."""
    return question.strip('."?!')


def render(prompt: str, question: str) -> str:
    """The prompt with the cleaned question in its place; other braces in it (JSON) stay as they are."""
    return prompt.replace(_SLOT, clean_question(question))


def messages(
    prompt: str, question: str, image: Any = None, history: Sequence[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """A chat for `apply_chat_template`: system turn, earlier turns as they were, and the question in its prompt.

    Args:
        prompt: the template with `{question}`.
        question: as the task asks it.
        image: a PIL image or anything else that a processor takes; None makes an image part without one, for
            processors that get the pictures apart.
        history: earlier questions and answers. The picture belongs to the first turn of all.
    """
    picture: dict[str, Any] = {"type": "image"} if image is None else {"type": "image", "image": image}
    asked = [question_before for question_before, _ in history] + [render(prompt, question)]
    chat: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}]
    for number, text in enumerate(asked):
        parts = [{"type": "text", "text": text}]
        chat.append({"role": "user", "content": parts if number else [picture, *parts]})
        if number < len(history):
            chat.append({"role": "assistant", "content": history[number][1]})
    return chat


__all__ = ["PAPER_PROMPT", "SHORT_PROMPT", "SYSTEM", "clean_question", "messages", "render"]
