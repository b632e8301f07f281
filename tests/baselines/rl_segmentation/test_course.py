"""Measuring, stopping in time, keeping the best; and that optimising improves what is rewarded."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from baselines.common.course import Logging, cut_log
from baselines.common.measuring import Measuring, best_step
from baselines.common.run_folder import LOG
from baselines.foodlmm.progress import Reporter
from baselines.rl_segmentation.course import Exam
from baselines.rl_segmentation.data import RawPicture, ValidationQuestion
from baselines.rl_segmentation.evaluate import answer_all, draw, measure_answer, summary
from baselines.rl_segmentation.rewards import DEFAULTS
from baselines.rl_segmentation.sampling_settings import SamplingSettings
from baselines.rl_segmentation.settings import ValidationSettings
from foodbench.models.qwen_seg.checkpoint import QwenSegSettings, load_model
from foodbench.models.qwen_seg.references import Reference, format_answer
from tests.baselines.rl_segmentation.training_helpers import letters, logged, trainer

GRID = 100
LEFT, RIGHT = Reference((0, 0, 49, 99), (25, 50)), Reference((50, 0, 99, 99), (75, 50))


class Boxes:
    """Draws the box."""

    identity = "boxes"

    def segment(self, image: Image.Image, references: Any) -> list[np.ndarray]:
        masks = []
        for reference in references:
            left, top, right, bottom = map(int, reference.box)
            mask = np.zeros((image.height, image.width), bool)
            mask[top : bottom + 1, left : right + 1] = True
            masks.append(mask)
        return masks


class Broken(Boxes):
    def segment(self, image: Image.Image, references: Any) -> list[np.ndarray]:
        raise RuntimeError("no")


def question(*truth: Reference, side: int = 200) -> ValidationQuestion:
    pixels = np.full((side, side, 3), 99, np.uint8)
    mask = draw(Boxes(), Image.fromarray(pixels), truth, GRID)
    return ValidationQuestion(RawPicture.of(pixels), "Where?", truth, lambda: mask)


@pytest.mark.parametrize(
    ("text", "truth", "expected"),
    [
        (format_answer("a", [LEFT]), (LEFT,), {"format": 1, "count": 1, "box_iou": 1, "giou": 1, "reward": 7}),
        (format_answer("a", [RIGHT]), (LEFT,), {"format": 1, "count": 1, "box_iou": 0, "giou": 0, "reward": 4}),
        (format_answer("a", [LEFT, RIGHT]), (LEFT,), {"format": 1, "count": 0, "box_iou": 0.5, "reward": 5.5}),
        (format_answer("a", []), (), {"format": 1, "count": 1, "box_iou": 1, "giou": 1, "reward": 7}),
        ("nothing", (LEFT,), {"format": 0, "count": 0, "box_iou": 0, "giou": 0, "reward": 1}),
        ("nothing", (), {"format": 0, "count": 1, "giou": 1}),
        ('<think>a</think><answer>[{"bbox_2d": [9]}]</answer>', (LEFT,), {"format": 0, "giou": 0}),
        # outside of the picture, and flipped
        (format_answer("a", [Reference((900, 900, 950, 950), (910, 910))]), (LEFT,), {"giou": 0, "undrawn": 0}),
        (format_answer("a", [Reference((49, 99, 0, 0), (25, 50))]), (LEFT,), {"box_iou": 0, "giou": 1}),
    ],
)
def test_what_an_answer_is_worth(text: str, truth: tuple[Reference, ...], expected: dict[str, float]) -> None:
    found = measure_answer(text, question(*truth), GRID, Boxes())
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.02)


def test_a_segmenter_that_fails_is_counted() -> None:
    found = measure_answer(format_answer("a", [LEFT]), question(LEFT), GRID, Broken())
    assert (found["giou"], found["undrawn"], found["reward"]) == (0, 1, 7)


def test_without_a_segmenter_boxes_are_measured() -> None:
    assert "giou" not in measure_answer(format_answer("a", [LEFT]), question(LEFT), GRID, None)


def test_means_and_the_ratio_of_sums() -> None:
    found = summary(
        [
            {"giou": 1.0, "intersection": 10.0, "union": 10.0, "format": 1.0},
            {"giou": 0.0, "intersection": 0.0, "union": 30.0, "format": 0.0},
        ]
    )
    assert found == {"giou": 0.5, "format": 0.5, "ciou": 0.25}
    assert summary([]) == {}


def test_the_side_of_padding_is_left_as_it_was(checkpoint: Path) -> None:
    model, processor = load_model(checkpoint)
    processor.tokenizer.padding_side = "right"
    settings = QwenSegSettings("{question}", 28, "colour", 4)
    texts = answer_all(model, processor, [question(LEFT, side=28)] * 3, settings, batch=2)
    assert len(texts) == 3
    assert processor.tokenizer.padding_side == "right"


class Fake:
    """A trainer whose model gets better and worse."""

    def __init__(self, out: Path) -> None:
        self.saved: list[int] = []
        self.state = SimpleNamespace(global_step=0, max_steps=100, is_world_process_zero=True)

    def save_model(self, folder: str) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.saved.append(self.state.global_step)


def course(tmp_path: Path, values: list[float], patience: int | None) -> tuple[Fake, list[int], Measuring]:
    settings = ValidationSettings(every=2, metric="giou", patience=patience)
    exam = Exam([question(LEFT)], QwenSegSettings(), Boxes(), DEFAULTS)
    measuring = Measuring(tmp_path, settings, exam, None, Reporter())
    fake = Fake(tmp_path)
    measuring.trainer = fake
    left = list(values)
    measuring._measure = lambda: {"giou": left.pop(0)}  # type: ignore[method-assign]
    stopped: list[int] = []
    for step in range(2 * len(values) - 1):
        fake.state.global_step = step
        control = SimpleNamespace(should_training_stop=False)
        (measuring.on_step_end if step else measuring.on_train_begin)(None, fake.state, control)
        if control.should_training_stop:
            stopped.append(step)
    return fake, stopped, measuring


def test_the_best_weights_are_kept_and_a_run_that_gets_no_better_is_stopped(tmp_path: Path) -> None:
    fake, stopped, _ = course(tmp_path, [0.1, 0.3, 0.2, 0.3, 0.29], patience=2)
    assert fake.saved == [0, 2]
    assert stopped == [6, 8], "an equal value is no better one"
    found = best_step(tmp_path)
    assert found == {"step": 2, "val": {"giou": 0.3}}
    log = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line["step"] for line in log] == [0, 2, 4, 6, 8]


def test_without_patience_nothing_is_stopped(tmp_path: Path) -> None:
    assert course(tmp_path, [0.3, 0.2, 0.1, 0.1], patience=None)[1] == []


def test_a_run_that_is_gone_on_with_knows_its_best(tmp_path: Path) -> None:
    _, _, first = course(tmp_path, [0.1, 0.3, 0.2], patience=3)
    again = Measuring(tmp_path, first._settings, first._exam, None, Reporter())
    state = SimpleNamespace(global_step=4, max_steps=100, is_world_process_zero=True)
    again.on_train_begin(None, state, SimpleNamespace())
    assert (again._best, again._since) == (0.3, 1)
    assert best_step(tmp_path / "elsewhere") is None


def test_lines_after_the_state_that_is_gone_on_with_are_cut(tmp_path: Path) -> None:
    path = tmp_path / LOG
    path.write_text("".join(json.dumps({"step": step}) + "\n" for step in (1, 2, 3, 4)))
    cut_log(path, 2)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]
    cut_log(tmp_path / "none.jsonl", 2)


def test_the_log_has_no_numbers_that_json_has_not(tmp_path: Path) -> None:
    state = SimpleNamespace(global_step=3, max_steps=9, is_world_process_zero=True)
    with Reporter() as reporter:
        logging = Logging(tmp_path, reporter)
        logging.on_log(None, state, None, logs={"loss": float("nan"), "reward": 1.23456789, "kl": None})
        logging.on_log(None, state, None, logs={"train_runtime": 1.0})
        logging.on_log(None, SimpleNamespace(is_world_process_zero=False), None, logs={"loss": 1.0})
    assert (tmp_path / LOG).read_text() == '{"step":3,"reward":1.234568}\n'


@pytest.mark.parametrize("algorithm", ["grpo", "dapo"])
def test_what_is_rewarded_grows(checkpoint: Path, tmp_path: Path, algorithm: str) -> None:
    changes: dict[str, Any] = {
        "max_steps": 48,
        "per_device_train_batch_size": 8,
        "steps_per_generation": 4,
        "num_generations": 8,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "lr_scheduler_type": "constant",
        "max_completion_length": 8,
    }
    if algorithm == "grpo":
        changes |= {"loss_type": "grpo", "beta": 0.005, "epsilon_high": 0.2}
    sampling = SamplingSettings(rounds=2) if algorithm == "dapo" else None
    run = trainer(checkpoint, tmp_path, (letters,), sampling=sampling, **changes)
    run.train()
    earned = logged(run, "reward")
    assert np.mean(earned[-3:]) > 1.5 * np.mean(earned[:3])
    clipped = logged(run, "clip_ratio/region_mean")
    assert max(clipped) > 0, "more than one update per rollout: the bounds act"
    assert max(clipped[0::4]) == 0, "the first update of a rollout is made with the weights that it was made with"
