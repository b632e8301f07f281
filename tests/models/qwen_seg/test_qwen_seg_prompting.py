"""Prompts, byte for byte, and chats."""

from __future__ import annotations

import subprocess
import sys

from foodbench.models.qwen_seg import PAPER_PROMPT, SHORT_PROMPT, SYSTEM, clean_question, messages, render

# VisionReasoner's template as its evaluation scripts have it, with the example filled in by hand.
TOLD = (
    'Please find "rice" with bboxs and points.Compare the difference between object(s) and find the most closely '
    "matched object(s).Output the thinking process in <think> </think> and final answer in <answer> </answer> "
    "tags.Output the bbox(es) and point(s) inside the interested object(s) in JSON format.i.e., <think> thinking "
    'process here </think><answer>[{"bbox_2d": [10,100,200,210], "point_2d": [30,110]}, {"bbox_2d": '
    '[225,296,706,786], "point_2d": [302,410]}]</answer>'
)


def test_the_paper_s_prompt_is_exact() -> None:
    assert render(PAPER_PROMPT, "rice.") == TOLD


def test_questions_lose_the_marks_around_them() -> None:
    assert clean_question('"Where is the rice?"') == "Where is the rice"
    assert clean_question("..?!Mr. Bean's!.") == "Mr. Bean's"
    assert render(SHORT_PROMPT, "Where? Here.") == 'Please find "Where? Here" with bboxs and points.'
    assert render(SHORT_PROMPT, "a {question} b") == 'Please find "a {question} b" with bboxs and points.'


def test_a_chat_shows_the_picture_first_and_asks_last() -> None:
    chat = messages(SHORT_PROMPT, "And the egg?", "PICTURE", [("Where is the rice?", "On the left.")])
    assert chat == [
        {"role": "system", "content": SYSTEM},
        {
            "role": "user",
            "content": [{"type": "image", "image": "PICTURE"}, {"type": "text", "text": "Where is the rice?"}],
        },
        {"role": "assistant", "content": "On the left."},
        {"role": "user", "content": [{"type": "text", "text": 'Please find "And the egg" with bboxs and points.'}]},
    ]
    assert messages(SHORT_PROMPT, "egg")[1]["content"][0] == {"type": "image"}


def test_nothing_heavy_is_imported_before_a_model_is_loaded() -> None:
    code = (
        "import sys, foodbench.models.qwen_seg, foodbench.models.qwen_seg.segmenters;"
        "print([name for name in ('torch', 'transformers', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
