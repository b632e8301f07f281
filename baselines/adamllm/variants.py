"""The paper's comparisons (Table 14) and ablations (Table 5) as settings: what a model is post-trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from baselines.adamllm.combining import Responses
from baselines.adamllm.consistency import Judgement, all_consistent
from baselines.adamllm.conversations import (
    Assembled,
    AssemblySettings,
    TaskText,
    assemble,
    order_of_training,
    rule_tasks,
    synthetic_tasks,
)
from baselines.adamllm.export import write_conversations
from baselines.adamllm.records import Conversation, Pair, Triplet
from baselines.adamllm.training_settings import What
from baselines.common.yaml_file import load_yaml
from foodbench.core.errors import UnknownName
from foodbench.core.files import atomic_write_json

FOLDER = Path(__file__).resolve().parent / "variants"


class Variant(BaseModel):
    """One way of post-training.

    Attributes:
        title: for people, as in the paper's tables.
        what: of `train`: one stage, or two.
        tasks: `synthetic`; `rule`, from recipes; `general`, the seed's; or `none`.
        captions: whether captions are trained on.
        caption_questions: which pool asks for a caption. The released food data ask for recipes.
        filter: whether only triplets are kept whose answers agree.
        responses: which answer is trained on where nothing is filtered.
        blank_images: whether the synthesiser was tuned with blank pictures among the others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    what: What = "single_stage"
    tasks: Literal["synthetic", "rule", "general", "none"] = "synthetic"
    captions: bool = True
    caption_questions: Literal["describe", "recipe"] = "recipe"
    filter: bool = True
    responses: Responses = "combined"
    blank_images: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Variant:
        if self.tasks == "none" and not self.captions:
            raise ValueError("neither captions nor tasks are trained on")
        if self.filter and self.responses != "combined":
            raise ValueError("filtered triplets are combined")
        if not self.blank_images and self.tasks != "synthetic":
            raise ValueError("blank_images is about synthetic tasks")
        if (self.what == "rule") != (self.tasks == "rule" and self.what != "single_stage"):
            raise ValueError("what: rule is for tasks by rule in two stages")
        return self

    def assembly(self, seed: int) -> AssemblySettings:
        """In the terms of `conversations`."""
        return AssemblySettings(
            pipeline="single_stage" if self.what == "single_stage" else "two_stage",
            caption_task=self.captions,
            task=self.tasks != "none",
            caption_questions=self.caption_questions,
            responses=self.responses,
            seed=seed,
        )


def variant_names() -> list[str]:
    """Of the files in `variants/`."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_variant(name: str) -> Variant:
    """A variant by its name.

    Raises:
        UnknownName: there is none.
        UsageError: its file is damaged.
    """
    if name not in variant_names():
        raise UnknownName.of("variant", name, variant_names())
    return load_yaml(FOLDER / f"{name}.yaml", Variant, hint="See baselines/adamllm/variants.py.")


@dataclass(frozen=True, slots=True)
class Material:
    """What variants are made of.

    Attributes:
        pairs: pictures with captions.
        triplets: synthetic tasks by pair id.
        judgements: of them.
        general_pairs: pictures of the seed's general tasks.
        general: those tasks.
        general_judgements: of them.
    """

    pairs: Sequence[Pair]
    triplets: Mapping[str, Triplet]
    judgements: Mapping[str, Judgement]
    general_pairs: Sequence[Pair]
    general: Mapping[str, Triplet]
    general_judgements: Mapping[str, Judgement]


def samples_of_variant(variant: Variant, material: Material, seed: int) -> Assembled:
    """The training samples of each stage."""
    settings = variant.assembly(seed)
    if variant.tasks == "general":
        return _general(variant, material, settings)
    tasks: Mapping[str, TaskText] = {}
    if variant.tasks == "rule":
        tasks = rule_tasks(material.pairs, seed=seed)
    elif variant.tasks == "synthetic":
        kept = material.judgements if variant.filter else all_consistent(list(material.triplets))
        tasks = synthetic_tasks(material.triplets, kept, settings)
    unread = frozenset(pair.pair_id for pair in material.pairs) - set(material.triplets)
    return assemble(material.pairs, tasks, settings, unread=unread)


def _general(variant: Variant, material: Material, settings: AssemblySettings) -> Assembled:
    """General tasks have pictures of their own, so a domain's captions are samples of their own beside them."""
    tasks = synthetic_tasks(material.general, material.general_judgements, settings)
    alone = settings.model_copy(update={"caption_task": False, "task": True})
    parts = [assemble(material.general_pairs, tasks, alone)]
    if variant.captions:
        parts.append(assemble(material.pairs, {}, settings.model_copy(update={"caption_task": True, "task": False})))
    stages: dict[str, list[Conversation]] = {}
    counts: dict[str, int] = {}
    for part in parts:
        for name, samples in part.stages.items():
            stages.setdefault(name, []).extend(samples)
        for name, count in part.counts.items():
            counts[name] = counts.get(name, 0) + count
    return Assembled(stages, counts)


def write_samples(assembled: Assembled, variant: Variant, seed: int, out: Path) -> None:
    """Write the stages' files and a report, as `prepare assemble` does.

    Raises:
        StorageFull: a file cannot be written.
    """
    for name, samples in assembled.stages.items():
        write_conversations(out / f"{name}.jsonl", order_of_training(samples, seed))
    report = {"settings": variant.assembly(seed).model_dump(), "variant": variant.model_dump()}
    atomic_write_json(out / "report.json", {**report, "counts": dict(assembled.counts)})


__all__ = [
    "Material",
    "Variant",
    "load_variant",
    "samples_of_variant",
    "variant_names",
    "write_samples",
]
