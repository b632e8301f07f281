"""Masks: class ids as stored, of the photo's size, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import save_mask, save_photo
from PIL import Image

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.data.images import ImageFile
from foodbench.data.records import MaskFile, SegmentationRecord

VALUES = np.array([[0, 1, 103], [255, 48, 48]], dtype=np.uint8)


@pytest.mark.parametrize("palette", [False, True])
def test_values_come_back_as_stored(tmp_path: Path, palette: bool) -> None:
    path = tmp_path / "mask.png"
    save_mask(path, VALUES, palette=palette)
    assert Image.open(path).mode == ("P" if palette else "L")
    mask = MaskFile(path, max_id=103)
    read = mask.read()
    assert read.dtype == np.uint8
    assert read.tolist() == VALUES.tolist()
    assert mask.size() == (3, 2)
    read[0, 0] = 7  # the array is the caller's own


def test_sixteen_bits_are_read_if_the_values_are_ids(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    save_mask(path, VALUES.astype(np.uint16))
    read = MaskFile(path, max_id=103).read()
    assert read.dtype == np.uint8
    assert read.tolist() == VALUES.tolist()


def test_sixteen_bit_values_are_never_cut_to_eight_bits(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    save_mask(path, np.array([[0, 256 + 48]], dtype=np.uint16))
    with pytest.raises(DataCorrupt, match="304"):
        MaskFile(path, max_id=103).read()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1"])
def test_several_channels_or_one_bit_are_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    Image.new("L", (4, 4), 0).convert(mode).save(path)
    with pytest.raises(DataCorrupt, match=rf"mode {mode}"):
        MaskFile(path, max_id=103).read()


def test_unknown_ids_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    save_mask(path, np.array([[0, 104, 200]], dtype=np.uint8))
    with pytest.raises(DataCorrupt, match=r"mask\.png holds values that are no class ids: 104, 200"):
        MaskFile(path, max_id=103).read()


def test_the_ignore_value_can_be_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    save_mask(path, VALUES)
    with pytest.raises(DataCorrupt, match="255"):
        MaskFile(path, max_id=103).read(ignore=None)


def test_absent_and_truncated_masks(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    with pytest.raises(DataMissing):
        MaskFile(path, max_id=103).read()
    save_mask(path, np.random.default_rng(0).integers(0, 103, (64, 64), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataCorrupt):
        MaskFile(path, max_id=103).read()


def record(tmp_path: Path, photo: tuple[int, int], mask: tuple[int, int]) -> SegmentationRecord:
    save_photo(tmp_path / "photo.jpg", size=photo)
    save_mask(tmp_path / "mask.png", np.zeros((mask[1], mask[0]), dtype=np.uint8))
    files = ImageFile(tmp_path / "photo.jpg"), MaskFile(tmp_path / "mask.png", max_id=103)
    return SegmentationRecord("00000001", *files, split="test")


def test_a_fitting_mask_is_returned(tmp_path: Path) -> None:
    assert record(tmp_path, (6, 4), (6, 4)).checked_mask().shape == (4, 6)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataCorrupt, match=r"does not fit.*3 x 2 against 6 x 4"):
        record(tmp_path, (6, 4), (3, 2)).checked_mask()


def test_a_transposed_mask_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(DataCorrupt, match=r"is transposed: 4 x 6 against 6 x 4"):
        record(tmp_path, (6, 4), (4, 6)).checked_mask()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_of_colour_masks_only_the_red_channel_is_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    pixels = np.full((2, 3, len(mode)), 200, np.uint8)  # green, blue and alpha say other things everywhere
    pixels[:, :, 0] = VALUES
    Image.fromarray(pixels).save(path)
    mask = MaskFile(path, max_id=103, channel="red")
    read = mask.read()
    assert read.dtype == np.uint8
    assert read.tolist() == VALUES.tolist()
    assert mask.size() == (3, 2)
    read[0, 0] = 7  # the array is the caller's own


def test_a_background_pixel_is_never_filled_from_green(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(np.array([[[0, 7, 0], [3, 9, 0]]], np.uint8)).save(path)
    assert MaskFile(path, max_id=102, channel="red").read().tolist() == [[0, 3]]


@pytest.mark.parametrize("channel", [1, 2])
def test_a_mask_with_its_classes_in_another_channel_is_refused(tmp_path: Path, channel: int) -> None:
    path = tmp_path / "mask.png"
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0, channel] = 7
    Image.fromarray(pixels).save(path)
    with pytest.raises(DataCorrupt, match="empty red channel"):
        MaskFile(path, max_id=102, channel="red").read()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_empty_colour_mask_is_all_background(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    Image.new("RGB", (3, 2)).convert(mode).save(path)  # with an alpha channel that is opaque
    assert not MaskFile(path, max_id=102, channel="red").read().any()


@pytest.mark.parametrize("mode", ["L", "P", "LA", "1", "I;16"])
def test_a_mask_without_red_channel_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mask.png"
    Image.new(mode, (4, 4)).save(path)
    with pytest.raises(DataCorrupt, match=rf"mode {mode}; class ids must be in the red channel"):
        MaskFile(path, max_id=102, channel="red").read()


def test_red_values_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.new("RGB", (4, 4), (103, 0, 0)).save(path)
    with pytest.raises(DataCorrupt, match=r"no class ids: 103 \(allowed: 0\.\.102 or 255\)"):
        MaskFile(path, max_id=102, channel="red").read()


def test_fingerprints_of_bytes_and_of_pixels(tmp_path: Path) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    for path, level in ((first, 0), (second, 9)):
        Image.fromarray(VALUES).save(path, compress_level=level)
    one, other = (MaskFile(path, max_id=103) for path in (first, second))
    assert one.fingerprint(pixels=True) == other.fingerprint(pixels=True)
    assert one.fingerprint(pixels=False) != other.fingerprint(pixels=False)
    save_mask(second, VALUES.reshape(3, 2))
    assert one.fingerprint(pixels=True) != other.fingerprint(pixels=True)
