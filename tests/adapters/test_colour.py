"""The colour baseline: its arithmetic by hand, its learning on made-up food, and real photos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stub_tasks import CHOICE, StubTask, label_sample, mask_sample, nutrition_sample, save_image

from foodbench.adapters.base import ask, prepare
from foodbench.adapters.colour import Colour, LinearDiscriminant
from foodbench.adapters.colour_features import (
    box_blur,
    colour_bins,
    colour_features,
    lab_unit,
    small_picture,
    soft_histogram,
)
from foodbench.core.errors import DataCorrupt, UsageError
from foodbench.core.types import Nutrition
from foodbench.data.images import ImageFile
from foodbench.data.roots import DatasetChoice
from foodbench.metrics import masks
from foodbench.tasks import TASKS

RED, GREEN, BLUE, GREY = (200, 30, 30), (40, 160, 50), (40, 60, 180), (128, 128, 128)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        # CIE Lab (D65) as tabulated for the sRGB primaries, e.g. by Bruce Lindbloom's calculator.
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((165, 42, 42), (37.53, 49.69, 30.54)),
    ],
)
def test_lab_of_known_colours(rgb, lab):
    unit = lab_unit(np.array([rgb], dtype=np.uint8))[0]
    expected = (np.array(lab) - (0, -60, -50)) / (100, 130, 130)
    assert unit == pytest.approx(np.clip(expected, 0, 1), abs=0.005)


def test_bins_count_like_a_mixed_radix_number():
    unit = np.array([[0.0, 0.0, 0.0], [0.99, 0.99, 0.99], [0.5, 0.25, 0.75]], dtype=np.float32)
    assert colour_bins(unit, (4, 8, 8)).tolist() == [0, 255, (2 * 8 + 2) * 8 + 6]


def test_soft_histogram_shares_a_pixel_by_distance():
    # Bin centres along an axis of two bins are 0.25 and 0.75: a pixel at 0.375 is three quarters the lower one's.
    histogram = soft_histogram(np.array([[0.375, 0.25, 0.25]], dtype=np.float32), (2, 2, 2))
    assert histogram**2 == pytest.approx([0.75, 0, 0, 0, 0.25, 0, 0, 0], abs=1e-6)
    edge = soft_histogram(np.array([[0.01, 0.01, 0.99]], dtype=np.float32), (2, 2, 2))
    assert edge**2 == pytest.approx([0, 1, 0, 0, 0, 0, 0, 0], abs=1e-6)


def test_features_are_two_histograms_of_length_one(tmp_path):
    pixels = np.full((40, 60, 3), RED)
    pixels[10:30, 15:45] = GREEN
    features = colour_features(save_image(tmp_path / "a.png", pixels)).reshape(2, -1)
    assert (features**2).sum(axis=1) == pytest.approx([1, 1], abs=1e-5)
    assert features[0] @ features[1] < 0.2


def test_blur_is_the_mean_of_the_neighbourhood():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    blurred = box_blur(values, 1)
    assert blurred[1, 1] == pytest.approx(values[0:3, 0:3].mean())
    assert blurred[0, 0] == pytest.approx((0 * 4 + 1 * 2 + 4 * 2 + 5) / 9)
    assert np.array_equal(box_blur(values, 0), values)


def test_reduced_decoding_sees_the_same_picture(tmp_path):
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
    path = tmp_path / "large.jpg"
    Image.fromarray(blocks).resize((1024, 768), Image.Resampling.BICUBIC).save(path, quality=95)

    class Opened:
        def open(self):
            return ImageFile(path).open()

    difference = small_picture(ImageFile(path)).astype(int) - small_picture(Opened())
    assert np.abs(difference).mean() < 1.5


def test_turned_photo_is_seen_upright(tmp_path):
    path = tmp_path / "turned.jpg"
    pixels = np.full((64, 64, 3), BLUE, dtype=np.uint8)
    pixels[:32] = RED
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    assert small_picture(ImageFile(path))[5, 5, 0] > 150
    assert small_picture(ImageFile(path, exif="transpose"))[5, 5, 0] < 100


def test_truncated_photo_is_an_error(tmp_path):
    path = tmp_path / "cut.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataCorrupt):
        colour_features(ImageFile(path))


@dataclass
class Cook:
    """Makes noisy pictures of a colour on a grey table."""

    folder: Path
    count: int = 0

    def picture(self, colour, region=None):
        rng = np.random.default_rng(self.count)
        self.count += 1
        pixels = np.full((48, 64, 3), GREY)
        region = (slice(12, 36), slice(16, 48)) if region is None else region
        pixels[region] = colour
        noisy = np.clip(pixels + rng.normal(0, 12, pixels.shape), 0, 255)
        return save_image(self.folder / f"{self.count}.png", noisy)


@pytest.fixture
def cook(tmp_path):
    return Cook(tmp_path)


def answers_of(adapter, task, samples):
    prepare(adapter, task, CHOICE)
    return ask(adapter, [task.request(sample) for sample in samples])


def test_dishes_of_different_colours_are_told_apart(cook):
    dishes = {"beet_soup": RED, "pesto": GREEN, "blueberries": BLUE}
    train = [label_sample(n, name, cook.picture(dishes[name])) for n, name in enumerate(list(dishes) * 4)]
    test = [label_sample(n, name, cook.picture(dishes[name])) for n, name in enumerate(list(dishes) * 2)]
    answers = answers_of(Colour(), StubTask("label", train), test)
    assert [answer.text for answer in answers] == [sample.reference["dish"].replace("_", " ") for sample in test]


def test_one_photo_per_dish_or_one_dish_is_enough(cook):
    train = [label_sample(0, "soup", cook.picture(RED)), label_sample(1, "pesto", cook.picture(GREEN))]
    test = [label_sample(2, "x", cook.picture(GREEN))]
    assert answers_of(Colour(), StubTask("label", train), test)[0].text == "pesto"
    assert answers_of(Colour(), StubTask("label", train[:1]), test)[0].text == "soup"


def test_discriminant_uses_the_common_covariance():
    # Two classes differ by 1 along a quiet axis while a loud axis swamps the distance; nearest centroids would fail.
    rng = np.random.default_rng(0)
    targets = np.arange(400) % 2
    features = np.stack([targets + rng.normal(0, 0.1, 400), rng.normal(0, 10, 400)], axis=1).astype(np.float32)
    classifier = LinearDiscriminant.fit(features, targets, 2)
    assert [classifier.predict(np.array(point)) for point in ((0, 25.0), (1, -25.0), (0, -25.0), (1, 25.0))] == [
        0,
        1,
    ] * 2


def test_nutrition_is_the_mean_of_the_nearest(cook):
    train = [nutrition_sample(n, cook.picture(RED), kcal=100.0 + n) for n in range(3)]
    train += [nutrition_sample(3 + n, cook.picture(GREEN), kcal=900.0) for n in range(3)]
    task = StubTask("nutrition", train)
    test = [nutrition_sample(9, cook.picture(RED)), nutrition_sample(10, cook.picture(GREEN))]
    assert [a.nutrition for a in answers_of(Colour(neighbours=3), task, test)] == [Nutrition(101.0), Nutrition(900.0)]
    # More neighbours than dishes: all of them.
    assert answers_of(Colour(neighbours=50), task, test)[0].nutrition == Nutrition(pytest.approx(500.5))


def test_masks_follow_the_colour_of_the_asked_ingredient(cook):
    left, right = (slice(8, 40), slice(6, 28)), (slice(8, 40), slice(36, 58))

    def mask_of(region):
        mask = np.zeros((48, 64), dtype=bool)
        mask[region] = True
        return mask

    train = []
    for number, (name, colour) in enumerate([("tomato", RED), ("pea", GREEN)] * 6):
        region = (left, right)[number // 2 % 2]
        train.append(mask_sample(number, name, mask_of(region), cook.picture(colour, region)))
    image = cook.picture(RED, left)
    pixels = np.asarray(image.open()).copy()
    pixels[right] = GREEN
    both = save_image(cook.folder / "both.png", pixels)
    asked = [mask_sample(50, name, mask_of(left), both) for name in ("tomato", "pea")]
    tomato, pea = answers_of(Colour(), StubTask("masks", train), asked)
    for answer, region in ((tomato, left), (pea, right)):
        intersection, union = masks.intersection_union(answer.masks[0], masks.encode(mask_of(region)))
        assert intersection / union > 0.85
    unseen = answers_of(Colour(), StubTask("masks", train), [mask_sample(51, "eel", mask_of(left), both)])[0]
    assert unseen.masks[0].size == (48, 64)


@pytest.mark.parametrize("settings", [{"fit_limit": 0}, {"neighbours": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UsageError):
        Colour(**settings)


def test_settings_are_in_the_identity():
    assert len({Colour().identity, Colour(fit_limit=5).identity, Colour(neighbours=1).identity}) == 3


def test_fit_limit_is_kept(cook):
    train = [label_sample(0, "soup", cook.picture(RED)), label_sample(1, "pesto", cook.picture(GREEN))]
    answers = answers_of(Colour(fit_limit=1), StubTask("label", train), [label_sample(2, "x", train[1].image)])
    assert answers[0].text == "soup"


def test_real_photos_are_named_well_above_chance(realdata):
    task = TASKS.get("food101.dish")
    choice = DatasetChoice("food101", "real", realdata / "food-101", True)
    data = task.load(choice)
    classes = {sample.reference["dish"] for sample in data.samples}
    answers = answers_of_task(Colour(), task, choice, data.samples)
    scores = [task.score(s, a.to_text(), data.vocabulary) for s, a in zip(data.samples, answers, strict=True)]
    accuracy = np.mean([score.values["correct"] for score in scores])
    assert accuracy > 2 / len(classes)


def answers_of_task(adapter, task, choice, samples):
    prepare(adapter, task, choice)
    return ask(adapter, [task.request(sample) for sample in samples])
