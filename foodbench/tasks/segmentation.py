"""The segmentation tasks, for any dataset of photos with class masks: what is asked, under which protocol.

* `refer1/3/5`: segment k named ingredients, of photos with at least k. From k = 3 on, in half of the queries one of
  the k is not there, so that answering to every name does not pay; the length of a query tells nothing.
* `absent1/3`: FoodLMM's one-to-zero queries, each beside one of present (or present and absent) names about the same
  photo: a model that always refuses, or never, gets half of them at most.

Names of absent things are names that other photos of the split are asked about, so that a name is as often there as
not, and its frequency tells nothing either.
* `everything`: segment and name each ingredient.

FoodLMM's table asks refer@k of the same photos (section V); its released evaluator feeds the right answer's text to the
model and reads masks from its positions. That is protocol `teacher_forced` here; under `strict` the model answers by
itself, and the two never compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from foodbench.core.hashing import stable_seed
from foodbench.core.types import Sample
from foodbench.data.records import SegmentationRecord
from foodbench.metrics import queries
from foodbench.metrics.segmentation import BOUNDARY_IOU, CUMULATIVE_IOU, GENERALIZED_IOU
from foodbench.tasks import pointing, prompts
from foodbench.tasks.base import FoodTask
from foodbench.tasks.regions import Regions, regions_of

Identity = tuple[str | int, ...]
"""What a task's queries depend on besides the photo: its name and version."""

_FLOORS = ("baseline:mean", "baseline:blind")


@dataclass(frozen=True, slots=True)
class _Photo:
    """A photo with the names in it that can be asked for, in an order that is a function of the task and the photo."""

    record: SegmentationRecord
    regions: Regions
    present: list[str]


def _photos(reader: Any, records: Sequence[SegmentationRecord], identity: Identity) -> list[_Photo]:
    """The photos with something to ask for."""
    regions = regions_of(reader, records[0].split, records) if records else {}
    class_ids = _class_ids(reader)
    photos = []
    for record in records:
        if record.stem in regions:
            inside = [name for name, class_id in class_ids.items() if class_id in regions[record.stem].counts]
            present = pointing.ordered(inside, *identity, "present", record.stem)
            photos.append(_Photo(record, regions[record.stem], present))
    return [photo for photo in photos if photo.present]


def _absent(photos: Sequence[_Photo], identity: Identity, count: int) -> dict[str, list[str]]:
    """For each photo up to `count` names that are not in it: what the photos behind it are asked about first.

    The photos stand in a ring whose order is a function of the task and the stems.
    """
    ring = sorted(photos, key=lambda photo: (stable_seed(*identity, "ring", photo.record.stem), photo.record.stem))
    found = {}
    for place, photo in enumerate(ring):
        names: list[str] = []
        for step in range(1, len(ring)):
            if len(names) == count:
                break
            for name in ring[(place + step) % len(ring)].present[:count]:
                fits = name not in photo.present and name not in names
                if fits and len(names) < count and not pointing.shares_word(name, photo.present):
                    names.append(name)
        found[photo.record.stem] = names
    return found


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


def _vocabulary(reader: Any) -> tuple[str, ...]:
    """Every name that a mask could be given."""
    return tuple(name for class_id, name in enumerate(reader.classes) if class_id not in reader.not_referable)


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
        photos = [photo for photo in _photos(reader, records, identity) if len(photo.present) >= count]
        strangers = _absent(photos, identity, 1)
        for photo in photos:
            stem = photo.record.stem
            mixed = count > 1 and not teacher_forced and stable_seed(*identity, "mixed", stem) % 2 == 1
            gone = strangers[stem] if mixed else []
            shown = photo.present[: count - len(gone)]
            asked = pointing.query(stem, shown, gone, identity)
            if teacher_forced:
                told = prompts.masks_sentence(asked["slots"]["ingredients"])
                asked["slots"] = {**asked["slots"], "forced_answer": told}
            reference = pointing.masks_reference(photo.regions, class_ids, shown, gone)
            yield _sample(photo.record, stem, asked, reference)

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
        vocabulary=_vocabulary,
        read=pointing.read_query,
        oracle=pointing.oracle,
        selective=True,
    )


def _refer_summary(count: int, teacher_forced: bool) -> str:
    what = "one named ingredient that is" if count == 1 else f"{count} named ingredients that are"
    more = " (in half of the queries one of them is not)" if count > 1 and not teacher_forced else ""
    told = ", with the right answer's text given" if teacher_forced else ""
    return f"Segment {what} in the picture{more}{told}."


def absent(dataset: str, count: int, *, version: int) -> FoodTask:
    """Refuse `count` named ingredients that are not in the photo, and answer where they are."""
    question = f"absent{count}"
    identity = (f"{dataset}.{question}", version)

    def build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
        class_ids = _class_ids(reader)
        photos = _photos(reader, records, identity)
        strangers = _absent(photos, identity, 2 * count)
        for photo in photos:
            stem, outside = photo.record.stem, strangers[photo.record.stem]
            shown = photo.present[: max(1, count - 1)]
            if len(outside) < 2 * count - len(shown):
                continue
            # Both queries have the same number of names, and the ids say nothing either.
            others = outside[count : 2 * count - len(shown)]
            queries = [("absent", [], outside[:count]), ("present", shown, others)]
            if stable_seed(*identity, "first", stem) % 2:
                queries.reverse()
            for number, (kind, here, gone) in enumerate(queries, start=1):
                asked = pointing.query(stem, here, gone, (*identity, kind))
                reference = pointing.masks_reference(photo.regions, class_ids, here, gone)
                yield _sample(photo.record, f"{stem}/{number}", asked, reference)

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
        vocabulary=_vocabulary,
        read=pointing.read_query,
        oracle=pointing.oracle,
        selective=True,
    )


def everything(dataset: str, *, version: int) -> FoodTask:
    """Segment and name each ingredient."""
    identity = (f"{dataset}.everything", version)

    def build(reader: Any, records: Sequence[SegmentationRecord]) -> Iterable[Sample]:
        class_ids = _class_ids(reader)
        for photo in _photos(reader, records, identity):
            stem = photo.record.stem
            wording = prompts.EVERYTHING[stable_seed(*identity, "wording", stem) % len(prompts.EVERYTHING)]
            reference = pointing.masks_reference(photo.regions, class_ids, sorted(photo.present))
            yield _sample(photo.record, stem, {"question": wording, "slots": {}}, reference)

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
        vocabulary=_vocabulary,
        read=pointing.read_everything,
        oracle=pointing.oracle,
        selective=True,
    )
