"""Pictures: decoded in full or refused, never half."""

from __future__ import annotations

import hashlib
import pickle
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL import ImageFile as PillowFile

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.data.images import MAX_PIXELS, ImageFile, orientation


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (80, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def rotated(path: Path) -> Path:
    """A picture of 3 x 2 stored pixels whose EXIF header says: turn by 90 degrees."""
    image = Image.new("RGB", (3, 2), "white")
    image.putpixel((0, 0), (255, 0, 0))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    return path


def png_that_claims(path: Path, width: int, height: int) -> Path:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_open_gives_a_loaded_rgb_image(photo: Path) -> None:
    image = ImageFile(photo).open()
    photo.unlink()
    assert image.mode == "RGB"
    assert image.size == (120, 80)
    image.getpixel((119, 79))


@pytest.mark.parametrize("mode", ["L", "CMYK", "1"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "x.jpg"
    Image.new("L", (4, 4), 200).convert(mode if mode != "1" else "L").save(path)
    image = ImageFile(path).open()
    assert image.mode == "RGB"
    assert abs(int(np.asarray(image)[1, 1, 0]) - 200) <= 3


def test_an_absent_file_is_missing_not_corrupt(tmp_path: Path) -> None:
    for use in (ImageFile.open, ImageFile.size, ImageFile.fingerprint):
        with pytest.raises(DataMissing, match=r"nothing\.jpg"):
            use(ImageFile(tmp_path / "nothing.jpg"))


def test_a_folder_in_place_of_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        ImageFile(tmp_path).open()


def test_an_empty_file_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "depth_raw.png"
    path.touch()
    with pytest.raises(DataCorrupt, match=r"depth_raw\.png is empty"):
        ImageFile(path).open()


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_a_truncated_file_is_corrupt(photo: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.open(photo).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DataCorrupt, match=rf"cut\.{suffix}"):
        ImageFile(path).open()


def test_truncation_is_seen_although_somebody_switched_the_check_off(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Importing lmms-eval sets this process-wide switch, with which Pillow fills the rest with grey."""
    monkeypatch.setattr(PillowFile, "LOAD_TRUNCATED_IMAGES", True)
    photo.write_bytes(photo.read_bytes()[:-2000])
    with pytest.raises(DataCorrupt):
        ImageFile(photo).open()
    assert PillowFile.LOAD_TRUNCATED_IMAGES is True


def test_many_threads_leave_the_switch_as_it_was(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PillowFile, "LOAD_TRUNCATED_IMAGES", True)
    cut = photo.with_name("cut.jpg")
    cut.write_bytes(photo.read_bytes()[:-2000])
    opened, refused = [], []

    def work() -> None:
        for _ in range(10):
            opened.append(ImageFile(photo).open().size)
            try:
                ImageFile(cut).open()
            except DataCorrupt:
                refused.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(refused)) == (40, 40)
    assert PillowFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "GIF", "BMP", "WEBP"])
def test_formats_are_told_by_content_not_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.jpg"
    image = Image.new("RGB", (8, 8), "white")
    more = {"save_all": True, "append_images": [image]} if kind == "MPO" else {}
    image.save(path, format=kind, **more)
    assert ImageFile(path).open().getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("data", [b"not an image at all", b"\xff\xd8\xff\xe0", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_other_bytes_are_corrupt(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(data)
    with pytest.raises(DataCorrupt, match=r"x\.jpg"):
        ImageFile(path).open()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    path = png_that_claims(tmp_path / "bomb.png", 10_001, 10_000)
    assert MAX_PIXELS < 10_001 * 10_000
    for use in (ImageFile.open, ImageFile.size):
        with pytest.raises(DataCorrupt, match=r"10,001 x 10,000"):
            use(ImageFile(path))
    with pytest.raises(DataCorrupt):
        ImageFile(png_that_claims(tmp_path / "huge.png", 100_000, 100_000)).open()


def test_exif_policies(tmp_path: Path) -> None:
    path = rotated(tmp_path / "phone.png")
    assert orientation(path) == 6
    stored = ImageFile(path, exif="ignore")
    assert stored.size() == stored.open().size == (3, 2)
    assert stored.open().getpixel((0, 0)) == (255, 0, 0)
    upright = ImageFile(path, exif="transpose")
    assert upright.size() == upright.open().size == (2, 3)
    assert upright.open().getpixel((1, 0)) == (255, 0, 0)  # orientation 6: turned clockwise


def test_fingerprint_is_of_the_bytes(photo: Path) -> None:
    assert ImageFile(photo).fingerprint() == "sha256:" + hashlib.sha256(photo.read_bytes()).hexdigest()


def test_image_files_pickle_and_compare(photo: Path) -> None:
    image = ImageFile(photo, exif="transpose")
    assert pickle.loads(pickle.dumps(image)) == image != ImageFile(photo)
