"""TRL's supervised trainer for conversations with learnt spans, which goes on exactly where it was."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from torch.utils.data import SequentialSampler
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl import SFTConfig, SFTTrainer

from baselines.adamllm.conversations import order_of_training
from baselines.adamllm.encoding import IMAGE, ROW, Collator, to_row
from baselines.adamllm.optimizers import build_optimizer, freeze
from baselines.adamllm.records import Conversation
from baselines.adamllm.training_settings import StageSettings, TrainingSettings
from baselines.common.training_settings import ModelSettings, OptimiserSettings
from baselines.common.trl_arguments import example_batches, training
from baselines.rl_segmentation.resuming import ExactResume
from foodbench.core.hashing import stable_seed

_WINDOW = 16
"""Updates whose samples may be exchanged to be of like length."""
_CACHED_PICTURES = 4096
"""Pictures of a grid of 112 that are kept in memory take 38 kB each; larger ones are read anew."""


class ConversationTrainer(ExactResume, SFTTrainer):
    """TRL's supervised trainer with a rate for each part of the model, over rows in the order that they have.

    Attributes:
        stage: whose optimiser it builds.
    """

    stage: StageSettings
    optimizer: Any

    def create_optimizer(self, model: Any = None) -> Any:
        """As the stage says."""
        if self.optimizer is None:
            self.optimizer = build_optimizer((self.model if model is None else model).named_parameters(), self.stage)
        return self.optimizer

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return SequentialSampler(self.train_dataset if dataset is None else dataset)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a trainer is made of.

    Attributes:
        model, processor: where the stage begins.
        samples: of the stage.
        state: folder for what can be gone on from.
        processes: how many train together.
        callbacks: told about the course.
    """

    model: Any
    processor: Any
    samples: Sequence[Conversation]
    state: Path
    processes: int
    callbacks: Sequence[TrainerCallback] = ()


def course_of(samples: Sequence[Conversation], stage: StageSettings, seed: int) -> Dataset:
    """The rows of all updates in their order: every round goes through all samples in an order of its own.

    A course that is written down needs no generator's state to be gone on with.

    Args:
        samples: of the stage.
        stage: how many updates there are.
        seed: of the order.
    """
    needed, epoch = stage.updates(len(samples)) * stage.batch, 0
    rows: list[Conversation] = []
    while len(rows) < needed:
        rows += order_of_training(samples, seed + epoch)[: needed - len(rows)]
        epoch += 1
    if stage.group_by_length:
        rows = _grouped(rows, stage.batch, seed)
    texts = {sample.conversation_id: to_row(sample) for sample in samples}
    return Dataset.from_dict(
        {name: [texts[row.conversation_id][name] for row in rows] for name in (ROW, IMAGE)},
    )


def _grouped(rows: Sequence[Conversation], batch: int, seed: int) -> list[Conversation]:
    """Rows sorted by length within windows of some updates, whose updates are then shuffled."""
    grouped: list[Conversation] = []
    for begin in range(0, len(rows), _WINDOW * batch):
        window = sorted(rows[begin : begin + _WINDOW * batch], key=_length)
        batches = [window[place : place + batch] for place in range(0, len(window), batch)]
        random.Random(stable_seed("updates", seed, begin)).shuffle(batches)
        grouped += [row for one in batches for row in one]
    return grouped


def _length(sample: Conversation) -> int:
    return sum(len(message.text) for message in sample.messages)


def build_trainer(settings: TrainingSettings, stage: StageSettings, parts: Parts) -> ConversationTrainer:
    """The trainer of a stage.

    Raises:
        UsageError: the batch cannot be divided among the processes, or the model lacks a part that is to learn.
    """
    freeze(parts.model, stage.learning_rates)
    updates = stage.updates(len(parts.samples))
    # The scheduler multiplies each part's peak, so the rate that TRL is told is used for nothing but its log.
    told = max(filter(None, stage.learning_rates.model_dump().values()))
    optimiser = OptimiserSettings(
        steps=updates,
        learning_rate=told,
        weight_decay=stage.weight_decay,
        beta2=stage.beta2,
        warmup=round(stage.warmup_share * updates),
        schedule=stage.scheduler,
        max_norm=stage.max_norm,
    )
    model = ModelSettings(
        start=settings.start, bf16=settings.bf16, gradient_checkpointing=settings.gradient_checkpointing
    )
    kept = 0 if settings.asking.grid is None else _CACHED_PICTURES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # about names of TRL's own that transformers is giving up
        trainer = ConversationTrainer(
            model=parts.model,
            processing_class=parts.processor,
            args=SFTConfig(
                **training(settings, optimiser, model, parts.state, parts.processes),
                **example_batches(stage.batch, stage.micro_batch, parts.processes),
                max_length=None,  # the collator cuts
                completion_only_loss=False,  # the collator has the labels
                remove_unused_columns=False,
                dataloader_num_workers=settings.workers,
                dataset_kwargs={"skip_prepare_dataset": True},
            ),
            data_collator=Collator(parts.processor, settings.form.form, settings.asking, stage.max_tokens, kept),
            train_dataset=course_of(parts.samples, stage, settings.seed),
            callbacks=list(parts.callbacks),
        )
    trainer.stage = stage
    trainer.remove_callback(PrinterCallback)
    return trainer


__all__ = ["ConversationTrainer", "Parts", "build_trainer", "course_of"]
