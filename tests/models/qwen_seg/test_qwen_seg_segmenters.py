"""Segmenters: colours on rendered plates, SAM 2 of transformers, the package's, a user's own."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foodbench.core.errors import CheckpointError, UsageError
from foodbench.data.kitchen import INGREDIENT_NAMES, plate_seed, render
from foodbench.models.qwen_seg import Reference, reference_of_mask
from foodbench.models.qwen_seg.grid import clipped, reference_to_pixels
from foodbench.models.qwen_seg.segmenters import (
    ColourFlood,
    Sam2PackageSegmenter,
    Sam2Segmenter,
    load_segmenter,
)
from tests.models.qwen_seg.tiny import write_sam2

GRID = 98


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def filled(reference: Reference, size: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(size, bool)
    left, top, right, bottom = map(int, reference.box)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def test_colours_draw_the_ingredients_of_plates() -> None:
    drawn, boxes = [], []
    for index, size in enumerate([(224, 224), (280, 224), (224, 300), (480, 640)] * 3):
        plate = render(plate_seed("test", "qwen-seg-tests", index), size)
        image = Image.fromarray(plate.image)
        for portion in plate.portions:
            true = plate.label == INGREDIENT_NAMES.index(portion.name) + 1
            place = clipped(reference_to_pixels(reference_of_mask(true, GRID), size, GRID), size)
            assert place is not None
            (found,) = ColourFlood().segment(image, [place])
            assert found.shape == size
            drawn.append(iou(found, true))
            boxes.append(iou(filled(place, size), true))
    assert np.mean(drawn) > 0.83
    assert np.mean(drawn) > np.mean(boxes) + 0.2


def test_a_disc_of_one_colour_is_found() -> None:
    rows, columns = np.mgrid[:90, :120]
    disc = (rows - 40) ** 2 + (columns - 60) ** 2 <= 20**2
    pixels = np.where(disc[..., None], np.uint8([200, 30, 30]), np.uint8([240, 240, 235]))
    (found,) = ColourFlood().segment(Image.fromarray(pixels), [Reference((40, 20, 80, 60), (60, 40))])
    assert iou(found, disc) > 0.97


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (50, 60), (900, 1300)])
def test_any_box_gives_a_mask_within_reach(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8))
    height, width = size
    places = [Reference((0, 0, width - 1, height - 1), (0, 0)), Reference((0, 0, 0, 0), (width - 1, height - 1))]
    masks = ColourFlood().segment(image, places)
    assert [(mask.shape, mask.dtype) for mask in masks] == [(size, np.dtype(bool))] * 2
    assert masks[1].sum() <= 9
    assert ColourFlood().segment(image, []) == []


@pytest.fixture(scope="module")
def sam2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sam2(tmp_path_factory.mktemp("sam2"))


def photo(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (50, 70, 3), dtype=np.uint8))


PLACES = [Reference((5.0, 4.0, 40.0, 30.0), (20.0, 15.0)), Reference((30.0, 10.0, 60.0, 45.0), (50.0, 20.0))]


def test_sam_2_gives_the_best_of_its_three_masks(sam2: Path) -> None:
    from transformers import Sam2Model, Sam2Processor

    model, processor = Sam2Model.from_pretrained(sam2).eval(), Sam2Processor.from_pretrained(sam2)
    masks = Sam2Segmenter(sam2).segment(photo(0), PLACES)
    for place, mask in zip(PLACES, masks, strict=True):
        inputs = processor(
            images=photo(0),
            input_boxes=[[list(place.box)]],
            input_points=[[[list(place.point)]]],
            input_labels=[[[1]]],
            return_tensors="pt",
        )
        with torch.no_grad():
            output = model(**inputs)
        best = int(output.iou_scores[0, 0].argmax())
        expected = processor.post_process_masks(output.pred_masks, inputs["original_sizes"])[0][0, best].numpy()
        assert mask.shape == (50, 70)
        assert (mask != expected).sum() <= 2  # prompts together or alone: sums round differently


def test_sam_2_embeds_a_picture_once_for_all_its_questions(sam2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = Sam2Segmenter(sam2)
    model, _ = segmenter._loaded
    embed, calls = model.get_image_embeddings, []
    monkeypatch.setattr(model, "get_image_embeddings", lambda pixels: calls.append(1) or embed(pixels))
    first = segmenter.segment(photo(0), PLACES)
    segmenter.segment(photo(1), PLACES)
    again = segmenter.segment(photo(0), PLACES)
    assert len(calls) == 2
    assert all((one == other).all() for one, other in zip(first, again, strict=True))
    monkeypatch.setattr("foodbench.models.qwen_seg.segmenters.CACHE_BYTES", 0)
    segmenter.segment(photo(2), PLACES)
    assert len(segmenter._known) == 1


def test_many_prompts_are_asked_in_parts(sam2: Path) -> None:
    segmenter = Sam2Segmenter(sam2)
    masks = segmenter.segment(photo(0), PLACES * 35)
    assert len(masks) == 70
    assert segmenter.segment(photo(0), []) == []


def test_a_damaged_sam_2_is_a_checkpoint_error(sam2: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No checkpoint folder"):
        Sam2Segmenter(tmp_path / "nowhere")
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"model\.bin"):
        Sam2Segmenter(tmp_path)
    for path in sam2.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    damaged = Sam2Segmenter(tmp_path)
    assert damaged.identity != Sam2Segmenter(sam2).identity
    with pytest.raises(CheckpointError, match="Cannot load"):
        damaged.segment(photo(0), PLACES)


class FakePredictor:
    """Meta's predictor: notes what it is asked, and draws the box three times, the second time best."""

    calls: list[Any]

    def __init__(self, model: Any) -> None:
        FakePredictor.calls = [model]

    def set_image(self, pixels: np.ndarray) -> None:
        FakePredictor.calls.append(("image", pixels.shape))

    def predict(self, **asked: Any) -> tuple[np.ndarray, np.ndarray, None]:
        FakePredictor.calls.append({name: np.asarray(value).tolist() for name, value in asked.items()})
        masks = np.zeros((3, 50, 70), np.float32)
        left, top, right, bottom = asked["box"].astype(int)
        masks[1, top : bottom + 1, left : right + 1] = 1
        return masks, np.array([0.2, 0.9, 0.4]), None


def test_the_package_is_asked_box_and_point_for_one_of_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"weights")
    segmenter = load_segmenter(f"sam2-package:configs/sam2.yaml:{weights}")
    assert isinstance(segmenter, Sam2PackageSegmenter)
    monkeypatch.setitem(sys.modules, "sam2", None)
    with pytest.raises(UsageError, match="package 'sam2' is not installed"):
        segmenter.segment(photo(0), PLACES)
    package, build, predictor = (types.ModuleType(name) for name in ("sam2", "build", "predictor"))
    build.build_sam2 = lambda *given, **more: (given, more)  # type: ignore[attr-defined]
    predictor.SAM2ImagePredictor = FakePredictor  # type: ignore[attr-defined]
    for name, module in (("sam2", package), ("sam2.build_sam", build), ("sam2.sam2_image_predictor", predictor)):
        monkeypatch.setitem(sys.modules, name, module)
    first = segmenter.segment(photo(0), PLACES)
    segmenter.segment(photo(0), PLACES[:1])
    asked = {"point_coords": [[20, 15]], "point_labels": [1], "box": [5, 4, 40, 30], "multimask_output": True}
    model = (("configs/sam2.yaml", str(weights)), {"device": "cpu"})
    assert FakePredictor.calls[:3] == [model, ("image", (50, 70, 3)), asked]
    assert FakePredictor.calls[4:] == [asked]
    assert [(mask.sum(), mask.dtype) for mask in first] == [(36 * 27, bool), (31 * 36, bool)]
    with pytest.raises(CheckpointError, match="No SAM 2 checkpoint"):
        load_segmenter("sam2-package:configs/sam2.yaml:nowhere.pt")


def test_a_users_own_class_is_known_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = (
        "class Nothing:\n    def segment(self, image, references):\n        return ['drawn']\n"
        "class Named(Nothing):\n    identity = 'mine-3'\n"
        "class Mute: pass\n"
        "class Broken:\n    def __init__(self): raise RuntimeError('no weights')\n"
    )
    (tmp_path / "my_segmenters.py").write_text(source)
    mine = load_segmenter("py:my_segmenters:Nothing")
    assert mine.identity.startswith("py:my_segmenters:Nothing#")
    assert mine.segment(None, []) == ["drawn"]
    assert load_segmenter("py:my_segmenters:Named").identity == "mine-3"
    for name, message in (("Mute", "no method 'segment'"), ("Broken", "no weights"), ("Absent", "has no 'Absent'")):
        with pytest.raises(UsageError, match=message):
            load_segmenter(f"py:my_segmenters:{name}")


@pytest.mark.parametrize("spec", ["", "colors", "colour:x", "sam2", "sam2:", "sam2-package:only", "py:"])
def test_other_names_are_refused_with_the_known_forms(spec: str) -> None:
    with pytest.raises(UsageError, match="names no segmenter"):
        load_segmenter(spec)
    assert load_segmenter("colour").identity == "colour"
