"""Making and keeping editions: same bytes, true markers, no clobbering, no races, no leftovers."""

import errno
import hashlib
import json
import os
import subprocess
import sys

import pytest

from foodbench.core.errors import StorageFull, UnknownName, UsageError
from foodbench.data.kitchen import DATASETS, FOLDERS, KitchenSettings, ensure, make
from foodbench.data.kitchen.editions import edition_folder

TINY = KitchenSettings(seed=3, size=64, train=8, test=4)
TINY_NUMBERS = {"seed": 3, "size": 64, "train": 8, "test": 4}


def tree_digests(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp("tiny")
    make(out, **TINY_NUMBERS, workers=1)
    return out


def test_fresh_processes_make_the_same_bytes(tiny, tmp_path):
    roots = make(tmp_path, **TINY_NUMBERS, workers=2)
    assert roots == {name: tmp_path / FOLDERS[name] for name in DATASETS}
    assert tree_digests(tmp_path) == tree_digests(tiny)


def test_another_seed_makes_other_bytes_under_the_same_rules(tiny, tmp_path):
    make(tmp_path, **{**TINY_NUMBERS, "seed": 4}, datasets=("foodseg103",), workers=1)
    mine, other = tree_digests(tmp_path / "FoodSeg103"), tree_digests(tiny / "FoodSeg103")
    assert set(mine) == set(other)
    pictures = [name for name in mine if name.startswith("Images/")]
    assert not any(mine[name] == other[name] for name in pictures)


@pytest.mark.parametrize("dataset", DATASETS)
def test_marker_and_manifest_are_true(tiny, dataset):
    root = tiny / FOLDERS[dataset]
    digests = tree_digests(root)
    marker = json.loads((root / ".foodbench-synthetic.json").read_text())
    manifest = (root / ".foodbench-manifest.txt").read_text()
    del digests[".foodbench-synthetic.json"], digests[".foodbench-manifest.txt"]
    assert manifest.splitlines() == sorted(f"{digest}  {name}" for name, digest in digests.items())
    assert marker["files_sha256"] == hashlib.sha256(manifest.encode()).hexdigest()
    assert marker["metadata_sha256"].items() <= digests.items()
    assert marker["counts"]["files"] == len(digests)
    assert {key: marker[key] for key in ("schema", "generator", "dataset", "seed", "size")} == {
        "schema": 1,
        "generator": "foodbench.kitchen",
        "dataset": dataset,
        "seed": 3,
        "size": 64,
    }
    pictures = {name for name in digests if name.endswith((".jpg", ".jpeg", ".png", ".h264"))}
    assert set(marker["metadata_sha256"]) == set(digests) - pictures


def test_progress_counts_every_plate(tmp_path):
    seen = []
    make(tmp_path, **TINY_NUMBERS, datasets=("foodseg103",), workers=1, progress=lambda *step: seen.append(step))
    assert seen == [(done, 12) for done in range(1, 13)]


def test_an_older_synthetic_folder_is_replaced_but_nothing_else_is_touched(tmp_path):
    root = make(tmp_path, **TINY_NUMBERS, datasets=("food101",), workers=1)["food101"]
    (root / "images" / "extra.txt").write_text("left from before")
    make(tmp_path, **TINY_NUMBERS, datasets=("food101",), workers=1)
    assert not (root / "images" / "extra.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["food-101"]
    (tmp_path / "other" / "food-101").mkdir(parents=True)
    (tmp_path / "other" / "food-101" / "photo.jpg").write_text("somebody's photo")
    with pytest.raises(UsageError, match="was not made by the kitchen"):
        make(tmp_path / "other", **TINY_NUMBERS, datasets=("food101",), workers=1)
    assert (tmp_path / "other" / "food-101" / "photo.jpg").read_text() == "somebody's photo"


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    written = 0

    def write_all(descriptor, data):
        nonlocal written
        written += 1
        if written > 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.write(descriptor, data)

    monkeypatch.setattr("foodbench.core.files._write_all", write_all)
    with pytest.raises(StorageFull, match="No space left"):
        make(tmp_path, **TINY_NUMBERS, datasets=("food101",), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageFull, match="Cannot write"):
        ensure(tmp_path / "file" / "home", "food101", settings=TINY)


def test_ensure_cooks_once_and_then_only_looks(tmp_path):
    cooked = []
    root = ensure(tmp_path, "food101", settings=TINY, workers=1, progress=lambda *step: cooked.append(step))
    assert root == edition_folder(tmp_path, TINY) / "food-101"
    assert len(cooked) == 24
    stamp = (root / ".foodbench-synthetic.json").stat().st_mtime_ns
    assert ensure(tmp_path, "food101", settings=TINY, progress=lambda *step: cooked.append(step)) == root
    assert len(cooked) == 24
    assert (root / ".foodbench-synthetic.json").stat().st_mtime_ns == stamp


def test_ensure_clears_away_what_a_killed_process_left(tmp_path):
    leftover = edition_folder(tmp_path, TINY) / ".new-food-101-abc" / "food-101"
    leftover.mkdir(parents=True)
    (leftover / "half.jpg").write_text("half")
    ensure(tmp_path, "food101", settings=TINY, workers=1)
    names = {path.name for path in edition_folder(tmp_path, TINY).iterdir()}
    assert names == {"food-101", ".food101.lock"}


def test_two_processes_at_once_cook_one_edition(tmp_path, tiny):
    script = (
        "import sys; from pathlib import Path; from foodbench.data.kitchen import KitchenSettings, ensure\n"
        "steps = []; home = Path(sys.argv[1])\n"
        "settings = KitchenSettings(seed=3, size=64, train=8, test=4)\n"
        "root = ensure(home, 'food101', settings=settings, workers=1, progress=lambda *s: steps.append(s))\n"
        "print(len(steps), (root / '.foodbench-synthetic.json').is_file())"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(outputs) == [["0", "True"], ["24", "True"]]
    folder = edition_folder(tmp_path, TINY)
    assert {path.name for path in folder.iterdir()} == {"food-101", ".food101.lock"}
    assert tree_digests(folder / "food-101") == tree_digests(tiny / "food-101")


def test_a_script_without_main_guard_can_make_a_kitchen(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom foodbench.data.kitchen import make\n"
        "make(Path(sys.argv[1]), seed=3, size=64, train=8, test=4, datasets=('food101',), workers=2)\nprint('made')\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (0, "made\n"), result.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["food-101"]


def test_refusals(tmp_path):
    with pytest.raises(UnknownName, match="food102"):
        make(tmp_path, datasets=("food102",))
    with pytest.raises(UnknownName, match="food102"):
        ensure(tmp_path, "food102")
    with pytest.raises(UsageError, match="at least"):
        make(tmp_path, train=2)
    with pytest.raises(UsageError, match="64..1024"):
        make(tmp_path, size=16)
