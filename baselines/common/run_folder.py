"""The folder of a run, where it begins, and how it goes on. Imports no torch: `--help` has to be fast."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from foodbench.core.errors import UsageError

REPOSITORY = Path(__file__).resolve().parents[2]
STATE, CHECKPOINT, LOG, BEST = "state", "checkpoint", "log.jsonl", "best"


class _OfRun(Protocol):
    """Settings that say where a run computes."""

    @property
    def device(self) -> str: ...

    @property
    def threads(self) -> int: ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self: ...


Settings = TypeVar("Settings", bound=_OfRun)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line says about a run, whatever it trains."""
    parser.add_argument("--config", required=True, help="kitchen, single_gpu, paper, or a recipe of one's own")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and checkpoint")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--start", help="checkpoint to begin with instead of the recipe's: a folder, or a repository")
    parser.add_argument("--resume", action="store_true", help="go on with the run in OUT, if there is one")
    parser.add_argument("--steps", type=int, help="updates instead of the recipe's")
    parser.add_argument("--cache", type=Path, help="folder for rendered plates (default: OUT/plates)")
    parser.add_argument("--workers", type=int, default=2, help="processes that render plates")


def place(start: str) -> str:
    """A folder as given or in the repository; anything else is a repository of the Hub."""
    inside = REPOSITORY / start
    return str(inside) if not Path(start).exists() and inside.exists() else start


def last_state(out: Path) -> Path | None:
    """The newest state of a run that can be gone on from."""
    found = [path for path in (out / STATE).glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def check_out(out: Path, resume: bool) -> None:
    """Whether a run may begin in a folder.

    Raises:
        UsageError: it holds one already, which is not to be gone on with.
    """
    if not resume and (last_state(out) or (out / CHECKPOINT).exists()):
        raise UsageError(
            f"{out} holds a run already.", hint="Go on with it by --resume, or give another folder with --out."
        )


def on_device(settings: Settings) -> Settings:
    """Settings whose `device` says what is used, `cpu` or `auto`; on a CPU torch gets its threads."""
    import torch

    on_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    if on_cpu:
        torch.set_num_threads(settings.threads)
    return settings.model_copy(update={"device": "cpu" if on_cpu else "auto"})


@contextmanager
def quiet_training() -> Iterator[None]:
    """Without transformers' bars over tensors, and its warnings about TRL's use of it."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        yield


def train_to_end(trainer: Any, told: Sequence[Any], out: Path, final: Path | None) -> None:
    """Train, from the newest state if there is one, and note in the log how long it took.

    Args:
        trainer: of transformers.
        told: its callbacks; those that need it get it as their attribute `trainer`.
        out: folder of the run.
        final: folder for the last weights; None: it was decided while training which weights are kept.
    """
    from foodbench.core.files import AppendLog

    for callback in told:
        if hasattr(callback, "trainer"):
            callback.trainer = trainer
    newest, began = last_state(out), time.monotonic()
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    if final is not None:
        trainer.save_model(str(final))
    if trainer.is_world_process_zero():
        with AppendLog(out / LOG) as log:
            log.append({"step": trainer.state.global_step, "train_seconds": round(time.monotonic() - began, 1)})


def training_seconds(log: Iterable[Mapping[str, Any]]) -> float:
    """Over all interruptions, as `train_to_end` noted them."""
    return sum(record.get("train_seconds", 0.0) for record in log)


__all__ = [
    "BEST",
    "CHECKPOINT",
    "LOG",
    "REPOSITORY",
    "STATE",
    "add_run_arguments",
    "check_out",
    "last_state",
    "on_device",
    "place",
    "quiet_training",
    "train_to_end",
    "training_seconds",
]
