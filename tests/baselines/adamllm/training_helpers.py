"""Conversations about small pictures, and short runs on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from baselines.adamllm.hyperparameters import LearningRates
from baselines.adamllm.records import Conversation, Message
from baselines.adamllm.training_settings import FormSettings, StageSettings, TrainingSettings
from foodbench.data.images import ImageFile
from foodbench.models.adamllm.checkpoint import AskingSettings

SIDE = 28
ALL = LearningRates(projector=1e-2, language=1e-2, vision=1e-3)
FORMS = {
    "qwen2_vl": FormSettings(name="chatml"),
    "llava_next": FormSettings(name="llama3", system="Be kind.", begins=2),
    "mllama": FormSettings(name="llama3", system="", picture="<|image|>"),
}


def picture(folder: Path, number: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> ImageFile:
    path = folder / f"{number}-{size[0]}.png"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (40 * number % 255, 90, 200 - 30 * number % 200)).save(path)
    return ImageFile(path)


def seed_like(folder: Path, number: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Conversation:
    """A synthesiser's sample: nothing of the caption's turn is learnt, everything after it is."""
    messages = (
        Message("user", "What is it?", False),
        Message("assistant", f"Meal {number}.", False),
        Message("user", "In brief.\nHow many?", True),
        Message("assistant", str(number), True),
        Message("user", "In detail.\nHow many?", True),
        Message("assistant", f"I count {number}.", True),
    )
    return Conversation(f"seed{number}", picture(folder, number, size), messages, ("caption", "task"), True)


def post_like(folder: Path, number: int = 0, turns: int = 2) -> Conversation:
    """A post-training sample: only answers are learnt."""
    told = (
        Message("user", "Name it.", False),
        Message("assistant", f"Rice {number}", True),
        Message("user", "And why?", False),
        Message("assistant", "It looks so.", True),
    )
    return Conversation(f"post{number}", picture(folder, number), told[: 2 * turns], ("task",) * turns)


def stage(name: str = "single", **changes: Any) -> StageSettings:
    plain: dict[str, Any] = {"name": name, "steps": 2, "batch": 2, "max_tokens": 4096, "learning_rates": ALL}
    if "epochs" in changes:
        plain.pop("steps")
    return StageSettings.model_validate({**plain, "beta2": 0.98, **changes})


def settings(start: Path, *stages: StageSettings, **changes: Any) -> TrainingSettings:
    plain: dict[str, Any] = {
        "start": str(start),
        "form": FORMS["qwen2_vl"],
        "asking": AskingSettings(grid=SIDE, max_new_tokens=16),
        "stages": stages,
        "threads": 1,
        "device": "cpu",
        "published": "float32",
        "log_every": 1,
        "save_every": 2,
    }
    return TrainingSettings.model_validate({**plain, **changes})
