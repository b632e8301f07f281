"""The segmentation tasks, for any dataset of photos with class masks: what is asked, under which protocol.

* `refer1/3/5`: segment k named ingredients that are in the photo, of photos with at least k. From k = 3 on, half of
  the queries name one thing more that is not there, so that naming everything asked for does not pay.
* `absent1/3`: FoodLMM's one-to-zero queries, each beside one of present (or present and absent) names about the same
  photo: a model that always refuses, or never, gets half of them at most.
* `everything`: segment and name each ingredient.

FoodLMM's table asks refer@k of the same photos (section V); its released evaluator feeds the right answer's text to the
model and reads masks from its positions. That is protocol `teacher_forced` here; under `strict` the model answers by
itself, and the two never compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foodbench.core.hashing import stable_seed
from foodbench.core.types import Sample
from foodbench.data.records import SegmentationRecord
from foodbench.metrics import queries
from foodbench.metrics.segmentation import BOUNDARY_IOU, CUMULATIVE_IOU, GENERALIZED_IOU
from foodbench.tasks import pointing, prompts
from foodbench.tasks.base import FoodTask
from foodbench.tasks.regions import Regions, regions_of

_FLOORS = ("baseline:mean", "baseline:blind")


def _photos(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[tuple[SegmentationRecord, Regions]]:
    if records:
        regions = regions_of(reader, records[0].split, records)
        for record in records:
            if record.stem in regions:
                yield record, regions[record.stem]


def _class_ids(reader: Any) -> dict[str, int]:
    """The id of each class that can be asked for; of a synthetic copy, of those that the kitchen cooks.

    A model that was trained on the kitchen would refuse the others by their names alone.
    """
    from foodbench.data.kitchen.ingredients import INGREDIENTS

    return {
        name: class_id
        for class_id, name in enumerate(reader.classes)
        if class_id not in reader.not_referable and (not reader.synthetic or name in INGREDIENTS)
    }


def _present(class_ids: dict[str, int], regions: Regions) -> list[str]:
    return [name for name, class_id in class_ids.items() if class_id in regions.counts]


def _absent(class_ids: dict[str, int], present: Sequence[str], *parts: str | int) -> list[str]:
    """Names to ask for that are not in the photo, in an order that is a function of `parts`."""
    names = [name for name in class_ids if name not in present and not pointing.shares_word(name, present)]
    return pointing.ordered(names, *parts)


def _sample(record: SegmentationRecord, sample_id: str, asked: dict[str, Any], reference: dict[str, Any]) -> Sample:
    return Sample(
        sample_id=sample_id,
        cluster=record.stem,
        image=record.image,
        question=asked["question"],
        slots=asked["slots"],
        reference=reference,
    )


def refer(dataset: str, count: int, *, version: int, teacher_forced: bool = False) -> FoodTask:
    """Segment `count` named ingredients that are in the photo."""
    question = f"refer{count}"
    identity = (f"{dataset}.{question}", version)

    def build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
        class_ids = _class_ids(reader)
        for record, regions in _photos(reader, records):
            inside = _present(class_ids, regions)
            if len(inside) < count:
                continue
            present = pointing.ordered(inside, *identity, "present", record.stem)[:count]
            extra = count > 1 and not teacher_forced and stable_seed(*identity, "extra", record.stem) % 2 == 1
            absent = _absent(class_ids, inside, *identity, "absent", record.stem)[: int(extra)]
            asked = pointing.query(record.stem, present, absent, identity)
            if teacher_forced:
                asked["slots"] = {
                    **asked["slots"],
                    "forced_answer": prompts.masks_sentence(asked["slots"]["ingredients"]),
                }
            reference = pointing.masks_reference(regions, class_ids, present, absent)
            yield _sample(record, record.stem, asked, reference)

    several = count > 1
    return FoodTask(
        name=f"{dataset}.{question}" + (".teacher_forced" if teacher_forced else ""),
        version=version,
        dataset=dataset,
        split="test",
        train_split="train",
        protocol="teacher_forced" if teacher_forced else "strict",
        summary=_refer_summary(count, teacher_forced),
        questions=prompts.REFER_SEVERAL if several else prompts.REFER,
        answer_kind="masks",
        metrics=(
            CUMULATIVE_IOU,
            queries.ANSWERED_INGREDIENT,
            *((queries.REFUSED_INGREDIENT,) if several and not teacher_forced else ()),
            GENERALIZED_IOU,
            *((queries.ANSWERED_QUERY, queries.GENERALIZED_IOU_BY_MASK) if several else ()),
        ),
        headline=3 if several and not teacher_forced else 2,
        generation={"max_new_tokens": 64 * min(count, 3), "do_sample": False},
        floors=_FLOORS,
        build=build,
        vocabulary=lambda _reader: (),
        read=pointing.read_query,
        oracle=pointing.oracle,
        selective=True,
    )


def _refer_summary(count: int, teacher_forced: bool) -> str:
    what = "one named ingredient that is" if count == 1 else f"{count} named ingredients that are"
    more = " (half of the queries name one more that is not)" if count > 1 and not teacher_forced else ""
    told = ", with the right answer's text given" if teacher_forced else ""
    return f"Segment {what} in the picture{more}{told}."


def absent(dataset: str, count: int, *, version: int) -> FoodTask:
    """Refuse `count` named ingredients that are not in the photo, and answer where they are."""
    question = f"absent{count}"
    identity = (f"{dataset}.{question}", version)

    def build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
        class_ids = _class_ids(reader)
        for record, regions in _photos(reader, records):
            inside = _present(class_ids, regions)
            outside = _absent(class_ids, inside, *identity, "absent", record.stem)
            if not inside or len(outside) < count:
                continue
            shown = pointing.ordered(inside, *identity, "present", record.stem)[: max(1, count - 1)]
            # The second query has the same number of names where the photo has enough: its length tells nothing.
            others = outside[count : count + count - len(shown)]
            for kind, here, gone in (("absent", [], outside[:count]), ("present", shown, others)):
                asked = pointing.query(record.stem, here, gone, (*identity, kind))
                reference = pointing.masks_reference(regions, class_ids, here, gone)
                yield _sample(record, f"{record.stem}/{kind}", asked, reference)

    names = "one named ingredient that is" if count == 1 else f"{count} named ingredients that are"
    return FoodTask(
        name=f"{dataset}.{question}",
        version=version,
        dataset=dataset,
        split="test",
        train_split="train",
        protocol="strict",
        summary=f"Refuse to segment {names} not in the picture, beside as many queries that have an answer.",
        questions=prompts.REFER if count == 1 else prompts.REFER_SEVERAL,
        answer_kind="masks",
        metrics=(
            queries.RIGHT_QUERY,
            queries.REFUSED_QUERY,
            queries.ANSWERED_INGREDIENT,
            *((queries.REFUSED_INGREDIENT,) if count > 1 else ()),
        ),
        generation={"max_new_tokens": 64 * count, "do_sample": False},
        floors=("baseline:refuse", "baseline:blind"),
        build=build,
        vocabulary=lambda _reader: (),
        read=pointing.read_query,
        oracle=pointing.oracle,
        selective=True,
    )


def everything(dataset: str, *, version: int) -> FoodTask:
    """Segment and name each ingredient."""
    identity = (f"{dataset}.everything", version)

    def build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
        class_ids = _class_ids(reader)
        for record, regions in _photos(reader, records):
            inside = _present(class_ids, regions)
            if not inside:
                continue
            wording = prompts.EVERYTHING[stable_seed(*identity, "wording", record.stem) % len(prompts.EVERYTHING)]
            asked = {"question": wording, "slots": {}}
            yield _sample(record, record.stem, asked, pointing.masks_reference(regions, class_ids, inside))

    return FoodTask(
        name=f"{dataset}.everything",
        version=version,
        dataset=dataset,
        split="test",
        train_split="train",
        protocol="strict",
        summary="Segment every ingredient in the picture and name it.",
        questions=prompts.EVERYTHING,
        answer_kind="masks",
        metrics=(
            CUMULATIVE_IOU,
            queries.ANSWERED_INGREDIENT,
            queries.HALLUCINATED_MASKS,
            GENERALIZED_IOU,
            queries.GENERALIZED_IOU_BY_MASK,
            BOUNDARY_IOU,
        ),
        generation={"max_new_tokens": 256, "do_sample": False},
        floors=("baseline:blind", "baseline:random"),
        build=build,
        vocabulary=lambda reader: tuple(_class_ids(reader)),
        read=pointing.read_everything,
        oracle=pointing.oracle,
        selective=True,
    )
