"""The index of Recipe1M: made once, made again when it must be, never half, and safe to share."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from recipe1m_tree import RECIPES, Recipe, with_foods, write_copy, write_rows

from foodbench.core.errors import DataCorrupt, DataMissing, StorageFull
from foodbench.data import recipe1m_build
from foodbench.data.recipe1m_build import id_of, number_of
from foodbench.data.recipe1m_index import RecipeIndex, index_path, open_index
from foodbench.data.recipe1m_vocabulary import official_vocabulary

VOCABULARY = official_vocabulary()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_copy(tmp_path / "Recipe1M")


def opened(root: Path, builds: list[str] | None = None) -> RecipeIndex:
    """The index; each file that is read for it is noted."""

    def note(stage: str, done: int, total: int) -> None:
        if builds is not None and done == total:
            builds.append(stage)

    return open_index(root, VOCABULARY, note)


def test_counts_and_columns_worked_out_by_hand(root: Path) -> None:
    index = opened(root)
    assert index.facts["counts"] == {
        "recipes": 5, "train": 3, "val": 1, "test": 1, "with_images": 4, "images": 6,
    }  # fmt: skip
    assert index.facts["usable"] == {"train": 2, "val": 1, "test": 1}
    assert (index.facts["same_order"], index.facts["removed"]) == (True, None)
    assert all(problem == {"count": 0, "ids": []} for problem in index.facts["problems"].values())
    train = index.split("train")
    assert list(map(id_of, train.ids)) == ["00003a70b1", "ffffffffff"]
    assert list(map(id_of, train.first_images)) == ["aa00000001", "cc00000001"]
    assert train.usable == b"\1\1"
    assert index.split_of("0000bbbbbb") == "val"
    assert index.split_of("0000000000") is None


def test_every_recipe_is_read_from_its_place(root: Path) -> None:
    index = opened(root)
    for recipe in RECIPES:
        texts, detections, images = index.fetch(number_of(recipe.recipe_id))
        assert texts == (
            recipe.recipe_id, recipe.split, recipe.title, list(recipe.ingredients), list(recipe.steps),
        )  # fmt: skip
        assert detections == (recipe.recipe_id, list(recipe.detected), list(recipe.valid))
        assert images == (None if recipe.images is None else (recipe.recipe_id, list(recipe.images)))
    with pytest.raises(DataMissing, match="no recipe 0000000001"):
        index.fetch(1)


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_the_layout_of_the_json_changes_nothing_but_places(tmp_path: Path, indent: int | None) -> None:
    root = write_copy(tmp_path / "copy", indent=indent)
    index = opened(root)
    plain = opened(write_copy(tmp_path / "plain"))
    for split in ("train", "val", "test"):
        assert index.split(split) == plain.split(split)
    assert index.fetch(number_of("ffffffffff")) == plain.fetch(number_of("ffffffffff"))


def test_rows_are_joined_by_id_and_other_orders_are_noticed(tmp_path: Path) -> None:
    root = write_copy(tmp_path / "Recipe1M")
    sorted_columns = opened(root).split("train")
    rows = json.loads((root / "det_ingrs.json").read_text())
    (root / "det_ingrs.json").write_text(json.dumps(rows[::-1]))
    index = opened(root)
    assert index.facts["same_order"] is False
    assert index.split("train") == sorted_columns
    write_rows(root, RECIPES[::-1])
    index = opened(root)
    assert index.facts["same_order"] is True
    assert index.split("train") == sorted_columns


def test_the_index_is_made_once_and_not_in_the_dataset(root: Path) -> None:
    before = sorted(path for path in root.rglob("*"))
    builds: list[str] = []
    first = opened(root, builds)
    assert builds == [f"indexing {name} (once)" for name in ("layer1.json", "det_ingrs.json", "layer2.json")]
    second = opened(root, builds)
    assert len(builds) == 3
    assert second.facts == first.facts
    assert sorted(path for path in root.rglob("*")) == before
    assert index_path(root).is_relative_to(os.environ["FOODBENCH_HOME"])
    assert {path.suffix for path in index_path(root).parent.iterdir()} == {".sqlite", ".lock"}


def append_blank(path: Path) -> None:
    with path.open("ab") as stream:
        stream.write(b"\n")


def edit_keeping_size(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"Worlds", b"Cooks ", 1))
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1_000_000_000))


def edit_keeping_size_and_time(path: Path) -> None:
    facts = path.stat()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Bake it.", b"Fry it. ", 1) if b"Bake" in data else data.replace(b" ", b"\n", 1))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


@pytest.mark.parametrize("name", ["layer1.json", "det_ingrs.json", "layer2.json"])
@pytest.mark.parametrize("change", [append_blank, edit_keeping_size, edit_keeping_size_and_time])
def test_a_changed_file_is_indexed_again(root: Path, name: str, change: Callable[[Path], None]) -> None:
    opened(root)
    change(root / name)
    builds: list[str] = []
    index = opened(root, builds)
    assert len(builds) == 3
    assert index.fetch(number_of("ffffffffff")).texts.title == "Crème brûlée"


def test_other_classes_and_other_removed_ids_make_another_index(root: Path) -> None:
    builds: list[str] = []
    opened(root, builds)
    (root / "remove1M.txt").write_text("00003a70b1\n0123456789")
    index = opened(root, builds)
    assert len(builds) == 6
    assert list(map(id_of, index.split("train").ids)) == ["ffffffffff"]
    assert index.facts["removed"] == {"listed": 2, "present": 1}
    assert index.facts["counts"]["train"] == 3  # counts are of the files
    (root / "remove1M.txt").unlink()
    assert len(opened(root, builds).split("train").ids) == 2
    assert len(builds) == 9


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0", b"nonsense" * 1000, None])
def test_a_damaged_index_is_made_again(root: Path, damage: bytes | None) -> None:
    path = opened(root).path
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage is None else damage)
    builds: list[str] = []
    assert opened(root, builds).facts["counts"]["recipes"] == 5
    assert len(builds) == 3


def test_an_index_of_an_older_foodbench_is_made_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(recipe1m_build, "SCHEMA", 0)
        with pytest.raises(DataCorrupt):  # it does not take what it wrote itself
            opened(root)
    assert index_path(root).is_file()
    builds: list[str] = []
    assert opened(root, builds).facts["schema"] == recipe1m_build.SCHEMA
    assert len(builds) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("layer1.json", '"partition": "val"', '"partition": "dev"', "the partition 'dev' is none of train, val, test"),
        ("layer1.json", '"partition": "val", ', "", "the key 'partition' is missing"),
        ("layer1.json", '"title": "Yogurt Parfaits"', '"title": null', "'title' is of the type NoneType"),
        ("layer1.json", '"id": "ffffffffff"', '"id": "../../../x"', "'../../../x' is not a recipe id"),
        ("layer1.json", '"id": "ffffffffff"', '"id": "FFFFFFFFFF"', "is not a recipe id"),
        ("layer1.json", '"id": "ffffffffff"', '"id": 1099511627775', "'id' is of the type int"),
        ("layer1.json", '{"text": "1 egg"}', '{"text": 1}', "an entry of 'ingredients' has no 'text'"),
        ("layer1.json", '{"text": "1 egg"}', '"1 egg"', "an entry of 'ingredients' has no 'text'"),
        ("layer1.json", '{"text": "Bake it."}', "{}", "an entry of 'instructions' has no 'text'"),
        ("layer1.json", '"instructions"', '"steps"', "the key 'instructions' is missing"),
        ("det_ingrs.json", '"valid": [true, true, true]', '"valid": [true, true]', "3 ingredients, but 2 entries"),
        ("det_ingrs.json", '"valid": [true, true, true]', '"valid": [true, 1, true]', "something else than true"),
        ("det_ingrs.json", '"valid": [true, true, true]', '"valid": true', "'valid' is of the type bool"),
        ("layer2.json", '"id": "aa00000002.jpg"', '"id": "aa00000002"', "'aa00000002' is not an image id"),
        ("layer2.json", '"id": "aa00000002.jpg"', '"id": "../../../../etc/passwd"', "is not an image id"),
        ("layer2.json", '"images"', '"photos"', "the key 'images' is missing"),
        ("layer1.json", '"title": "Yogurt Parfaits"', '"title": NaN', "NaN is not JSON"),
    ],
)
def test_malformed_rows_are_refused_with_file_and_byte(root: Path, name: str, old: str, new: str, what: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new, 1))
    with pytest.raises(DataCorrupt) as caught:
        opened(root)
    assert what in caught.value.message
    begin = text.rindex('{"ingredients"' if name == "layer1.json" else "{", 0, text.index(old) + 1)
    if name == "layer1.json":
        assert f"{root / name}, byte {len(text[:begin].encode()):,}: " in caught.value.message
    assert not index_path(root).exists()


@pytest.mark.parametrize("batch", [1, 2, 5000])
@pytest.mark.parametrize("name", ["layer1.json", "det_ingrs.json", "layer2.json"])
def test_a_recipe_that_is_there_twice_is_named_with_both_places(
    root: Path, monkeypatch: pytest.MonkeyPatch, batch: int, name: str
) -> None:
    monkeypatch.setattr(recipe1m_build, "_BATCH", batch)
    rows = json.loads((root / name).read_text())
    text = json.dumps([*rows, rows[1]])
    (root / name).write_text(text)
    twice = json.dumps(rows[1])
    with pytest.raises(DataCorrupt) as caught:
        opened(root)
    assert f"{root / name} has the recipe 00003a70b1 twice" in caught.value.message
    assert f"at byte {text.index(twice):,} and at byte {text.rindex(twice):,}." in caught.value.message


def test_contradictions_between_the_files_are_counted_and_named(root: Path) -> None:
    extra = Recipe("0000dddddd")
    write_rows(root, [*RECIPES, extra])
    texts = json.loads((root / "layer1.json").read_text())
    detections = json.loads((root / "det_ingrs.json").read_text())
    texts[1]["ingredients"].append({"text": "1 pinch salt"})
    (root / "layer1.json").write_text(json.dumps(texts[:-1]))
    (root / "det_ingrs.json").write_text(json.dumps(detections[1:]))
    assert opened(root).facts["problems"] == {
        "without_detections": {"count": 1, "ids": ["000018c8a5"]},
        "misaligned": {"count": 1, "ids": ["00003a70b1"]},
        "detections_without_recipe": {"count": 1, "ids": ["0000dddddd"]},
        "images_without_recipe": {"count": 1, "ids": ["0000dddddd"]},
    }


def test_a_folder_that_cannot_be_written_is_said_plainly(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = root.parent / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("FOODBENCH_HOME", str(blocked))
    with pytest.raises(StorageFull):
        opened(root)


def test_a_full_disk_leaves_nothing_behind(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe1m_build, "_INDEX", recipe1m_build._INDEX + "PRAGMA main.max_page_count = 4;")
    write_rows(root, [with_foods(f"{number:010x}", 3, images=("3e233001e2.jpg",)) for number in range(2000)])
    with pytest.raises(StorageFull, match=r"full"):
        opened(root)
    assert [path.suffix for path in index_path(root).parent.iterdir()] == [".lock"]


CHILD = """
import sys
from pathlib import Path
from foodbench.data import recipe1m_build
from foodbench.data.recipe1m_index import open_index
from foodbench.data.recipe1m_vocabulary import official_vocabulary

def stop(*_):
    print("here", flush=True)
    sys.stdin.read()

stage = sys.argv[2]
if stage == "join":
    recipe1m_build._write_split = stop
elif stage == "rename":
    recipe1m_build.os.fsync = stop
open_index(Path(sys.argv[1]), official_vocabulary(), lambda name, *_: stop() if stage in name else None)
print("done", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 on this system")
@pytest.mark.parametrize("stage", ["layer1.json", "det_ingrs.json", "layer2.json", "join", "rename"])
def test_a_killed_build_is_never_taken_for_an_index(root: Path, stage: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), stage], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "here\n"
    finally:
        child.kill()
        child.communicate(timeout=60)
    folder = index_path(root).parent
    assert not index_path(root).exists()
    assert list(folder.glob(".*.tmp"))
    builds: list[str] = []
    assert opened(root, builds).facts["counts"]["recipes"] == 5
    assert len(builds) == 3
    assert not list(folder.glob(".*.tmp"))


def test_an_exception_in_the_middle_leaves_nothing_behind(root: Path) -> None:
    def interrupt(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_index(root, VOCABULARY, interrupt)
    assert [path.suffix for path in index_path(root).parent.iterdir()] == [".lock"]


def _open_in_child(root: str, barrier: Any, results: Any) -> None:
    builds: list[str] = []
    barrier.wait(60)
    index = opened(Path(root), builds)
    results.put((len(builds), index.facts["counts"]["recipes"]))


def test_of_two_processes_one_builds_and_the_other_waits(root: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    children = [context.Process(target=_open_in_child, args=(str(root), barrier, results)) for _ in range(2)]
    for child in children:
        child.start()
    answers = sorted(results.get(timeout=60) for _ in children)
    for child in children:
        child.join(60)
    assert answers == [(0, 5), (3, 5)]


def test_one_index_serves_many_threads(root: Path) -> None:
    index = opened(root)
    expected = {recipe.recipe_id: index.fetch(number_of(recipe.recipe_id)) for recipe in RECIPES}
    wrong: list[object] = []

    def read() -> None:
        for _ in range(50):
            for recipe_id, rows in expected.items():
                if index.fetch(number_of(recipe_id)) != rows:
                    wrong.append(recipe_id)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


def _fetch_in_child(index: RecipeIndex, results: Any) -> None:
    results.put([index.fetch(number_of(recipe.recipe_id)).texts.title for recipe in RECIPES])


def test_an_open_index_can_be_sent_to_another_process(root: Path) -> None:
    index = opened(root)
    expected = index.fetch(number_of("00003a70b1"))
    assert pickle.loads(pickle.dumps(index)).fetch(number_of("00003a70b1")) == expected


def test_an_open_index_goes_through_a_fork(root: Path) -> None:
    index = opened(root)
    titles = [index.fetch(number_of(recipe.recipe_id)).texts.title for recipe in RECIPES]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=_fetch_in_child, args=(index, results)) for _ in range(3)]
    for child in children:
        child.start()
    assert [results.get(timeout=60) for _ in children] == [titles] * 3
    for child in children:
        child.join(60)
    assert [index.fetch(number_of(recipe.recipe_id)).texts.title for recipe in RECIPES] == titles


def test_files_that_change_while_they_are_in_use_are_noticed(root: Path) -> None:
    index = opened(root)
    number = number_of("00003a70b1")
    write_rows(root, RECIPES[1:])
    with pytest.raises(DataCorrupt, match="changed while they were in use: recipe 00003a70b1"):
        index.fetch(number)
    assert opened(root).fetch(number).texts.title == "Yogurt Parfaits"


def test_the_index_is_opened_for_reading_only(root: Path) -> None:
    index = opened(root)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        index._database().execute("DELETE FROM recipes")
