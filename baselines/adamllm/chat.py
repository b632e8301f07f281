"""Conversations as text: chat formats, the places that are learnt, and the open prompt that a synthesiser goes on from.

What is learnt is given as spans of characters, so that it does not depend on a tokenizer: `learnt_tokens` turns them
into a mask over any tokenizer's offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from baselines.adamllm.records import Conversation, Message
from foodbench.core.errors import UnknownName


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How a model family writes a conversation.

    Attributes:
        name: in settings.
        begin: before everything.
        system: the system's turn.
        user, assistant: what opens a turn.
        turn_end: the token that ends a turn.
        gap: blanks after that token.
        text_end: the token that ends the whole text.
        picture: what stands for the picture, in front of the first user's words.
    """

    name: str
    begin: str
    system: str
    user: str
    assistant: str
    turn_end: str
    gap: str
    text_end: str
    picture: str

    @property
    def head(self) -> str:
        """Everything before the first turn."""
        return self.begin + self.system

    def with_system(self, words: str) -> ChatFormat:
        """The same format with other words of the system: those that a checkpoint was trained with."""
        return replace(self, system=self.system.replace(_SYSTEM, words))

    def opening(self, message: Message) -> str:
        """What opens this message's turn."""
        return self.user if message.role == "user" else self.assistant


_SYSTEM = "You are a helpful assistant."

FORMATS = {
    one.name: one
    for one in (
        ChatFormat(
            "llama3",
            "<|begin_of_text|>",
            f"<|start_header_id|>system<|end_header_id|>\n\n{_SYSTEM}<|eot_id|>",
            "<|start_header_id|>user<|end_header_id|>\n\n",
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
            "<|eot_id|>",
            "",
            "<|end_of_text|>",
            "<image>\n",
        ),
        ChatFormat(
            "chatml",
            "",
            f"<|im_start|>system\n{_SYSTEM}<|im_end|>\n",
            "<|im_start|>user\n",
            "<|im_start|>assistant\n",
            "<|im_end|>",
            "\n",
            "<|endoftext|>",
            "<|vision_start|><|image_pad|><|vision_end|>",
        ),
    )
}
"""`llama3`: LLaVA-v1.6-Llama3 and Llama-3.2-Vision's tokens; `chatml`: Qwen2-VL and Qwen2.5-VL."""


def chat_format(name: str) -> ChatFormat:
    """The format of that name.

    Raises:
        UnknownName: there is none.
    """
    if name not in FORMATS:
        raise UnknownName.of("chat format", name, FORMATS)
    return FORMATS[name]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as one text.

    Attributes:
        text: all of it.
        spans: (begin, end) of what is learnt, in order, apart from each other.
    """

    text: str
    spans: tuple[tuple[int, int], ...]

    def learnt(self) -> tuple[str, ...]:
        """The texts of the spans."""
        return tuple(self.text[begin:end] for begin, end in self.spans)


def render(conversation: Conversation, form: ChatFormat) -> Rendered:
    """A conversation in a chat format.

    A learnt message is learnt with the token that ends its turn. What opens a turn is learnt only between two learnt
    messages: that is where the model has to write it itself.
    """
    parts: list[tuple[str, bool]] = [(form.head, False)]
    before = False
    for place, message in enumerate(conversation.messages):
        picture = form.picture if place == 0 else ""
        parts += [(form.gap, before and message.learn)] if place else []
        parts += [(form.opening(message), before and message.learn), (picture, False)]
        parts.append((message.text + form.turn_end, message.learn))
        before = message.learn
    parts.append((form.gap, before and conversation.ends))
    if conversation.ends:
        parts.append((form.text_end, True))
    return _joined(parts)


def _joined(parts: Sequence[tuple[str, bool]]) -> Rendered:
    spans: list[tuple[int, int]] = []
    begin = 0
    for text, learn in parts:
        end = begin + len(text)
        if learn and text:
            if spans and spans[-1][1] == begin:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((begin, end))
        begin = end
    return Rendered("".join(text for text, _ in parts), tuple(spans))


def learnt_tokens(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which tokens lie wholly within a span.

    Args:
        offsets: (begin, end) of each token in the text; tokens of no length are never learnt.
        spans: as in `Rendered`.
    """
    found, place = [], 0
    for begin, end in offsets:
        while place < len(spans) and spans[place][1] < end:
            place += 1
        found.append(end > begin and place < len(spans) and spans[place][0] <= begin and end <= spans[place][1])
    return found


def open_prompt(messages: Sequence[Message], form: ChatFormat) -> str:
    """The text of finished turns with a user's turn opened after them: the synthesiser writes what comes next."""
    told = [form.head]
    for place, message in enumerate(messages):
        told += [form.opening(message), form.picture if place == 0 else "", message.text, form.turn_end, form.gap]
    return "".join(told) + form.user


def serving_template(form: ChatFormat) -> str:
    """A Jinja chat template for the server of a tuned synthesiser (`vllm serve --chat-template FILE`).

    It writes the conversation and opens a user's turn where servers otherwise open the assistant's, which no request to
    a chat completions server can ask for.
    """

    def quoted(text: str) -> str:
        return "{{ " + repr(text) + " }}" if text else ""

    return (
        f"{quoted(form.head)}"
        "{% for message in messages %}"
        f"{{% if message.role == 'user' %}}{quoted(form.user)}{{% else %}}{quoted(form.assistant)}{{% endif %}}"
        "{% if message.content is string %}{{ message.content }}{% else %}"
        "{% for part in message.content %}"
        f"{{% if part.type == 'text' %}}{{{{ part.text }}}}{{% else %}}{quoted(form.picture)}{{% endif %}}"
        "{% endfor %}{% endif %}"
        f"{quoted(form.turn_end + form.gap)}"
        "{% endfor %}"
        f"{{% if add_generation_prompt %}}{quoted(form.user)}{{% endif %}}"
    )
