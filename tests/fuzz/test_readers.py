"""Whatever became of a dataset's files: a clear error or a right read, and nothing that disappears unsaid."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import ImageFile as PillowFile

from foodbench.core.errors import DataCorrupt, DataMissing, FoodbenchError
from foodbench.core.hashing import stable_seed
from foodbench.data import known_bad
from foodbench.data.images import MAX_PIXELS
from foodbench.data.inspection.base import Status
from foodbench.data.kitchen import FOLDERS
from foodbench.data.layout import MANIFEST, MARKER
from foodbench.data.recipe1m_index import index_path
from foodbench.data.roots import open_dataset, registry_path, resolve, roots
from foodbench.data.verify import VerifyReport
from tests.fuzz.damage import (
    BYTES,
    HARMLESS,
    MASKS,
    OUTSIDE,
    PICTURES,
    PLACES,
    TRAVERSALS,
    Bytes,
    broken_document,
    huge_png,
    watched,
)
from tests.fuzz.trees import Copy, Seen, look, opened_files, sealed

Put = bytes | Callable[[Path], None]
DATASETS = sorted(FOLDERS)
SHARES = 4
"""By default a file meets every fourth kind of damage, the next file the next fourth; the campaign leaves none out."""

DECIDES_WHAT_COUNTS = {("recipe1m", "ingredient_classes.txt")}
"""With other classes other recipes have two of them. The real editions have no such file; the digests tell."""

pytestmark = pytest.mark.usefixtures("_watchdog")


@pytest.fixture
def _watchdog() -> Iterator[None]:
    with watched(seconds=300):
        yield


@pytest.fixture(scope="module")
def copies(tiny_kitchen: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Copy]:
    """A copy of each dataset."""
    return {name: Copy.of(tiny_kitchen, name, tmp_path_factory.mktemp(name) / "copy") for name in DATASETS}


@pytest.fixture(scope="module")
def whole(copies: Mapping[str, Copy]) -> Mapping[str, Seen]:
    """What is seen of each copy before anything is damaged."""
    return {name: look(copy, level="decode", tasks=True) for name, copy in copies.items()}


def ids_in(facts: list[str]) -> set[str]:
    """The ids of records: the first field of each."""
    return {fact.partition("=")[2].partition(",")[0].strip("'\"") for fact in facts}


def vanished(before: Seen, after: Seen) -> set[str]:
    """Ids of records that were read before, and are neither read nor called missing now."""
    gone: set[str] = set()
    for step, facts in before.facts.items():
        now = after.facts.get(step)
        if step.startswith("records of") and isinstance(facts, list) and isinstance(now, list):
            gone |= ids_in(facts) - ids_in(now) - after.missing
    return gone


def told(seen: Seen, before: Seen) -> list[str]:
    """What `verify` says beyond digests, and did not say before."""
    if not isinstance(seen.report, VerifyReport):
        return [] if seen.report is None else [seen.report.message]
    known = before.report.checks if isinstance(before.report, VerifyReport) else ()
    bad: tuple[Status, ...] = ("warning", "failed")
    return [
        check.message
        for check in seen.report.checks
        if check.status in bad and check.level != "hashes" and check not in known
    ]


def assert_clear(error: FoodbenchError, root: Path) -> None:
    """It says what and where, and what to do, in a few lines."""
    assert str(root) in str(error), str(error)[:500]
    assert error.hint, error.message[:500]
    assert len(str(error)) < 2_000, str(error)[:500]


def assert_sound(copy: Copy, name: str, before: Seen, after: Seen, opened: list[str], *, changed: bool = True) -> None:
    """Every error is clear, digests differ, nothing vanished unsaid, and nothing outside was opened."""
    for step, error in after.errors.items():
        if step not in before.errors:
            assert_clear(error, copy.root)
    # The marker is not in the manifest: it holds the manifest's digest.
    if changed and name != MARKER:
        assert after.errors.keys() - before.errors.keys() or after.faults, "the digests are not looked at"
    lost = vanished(before, after)
    if lost and not told(after, before) and (copy.dataset, name) not in DECIDES_WHAT_COUNTS:
        raise AssertionError(f"unsaid: {sorted(lost)[:5]}")
    outside = [path for path in opened if OUTSIDE in Path(path).parts or path.startswith(("/etc/passwd", "/root/."))]
    assert not outside, outside[:3]


def _whatever(put: Put, _data: bytes, _chance: random.Random) -> Put:
    return put


def ways(name: str, place: int | None) -> Iterator[tuple[str, Callable[[bytes, random.Random], Put]]]:
    """The kinds of damage for a file; of those for all files only a share, unless `place` is None."""
    places: dict[str, Callable[[bytes, random.Random], Put]] = {
        way: partial(_whatever, put) for way, put in PLACES.items()
    }
    every: Mapping[str, Callable[[bytes, random.Random], Put]] = {**BYTES, **places}
    for number, (way, damage) in enumerate(every.items()):
        if place is None or (number + place) % SHARES == 0:
            yield way, damage
    if name.endswith(".json"):
        for number in range(6):
            yield f"document {number}", broken_document


def try_all(copy: Copy, before: Seen, place: int | None, *, seeds: int = 1, tasks: bool = False) -> None:
    """Damage one file after the other in one way after the other."""
    for offset, name in enumerate(copy.texts()):
        data = copy.bytes_of(name)
        for way, damage in ways(name, None if place is None else place + offset):
            for seed in range(seeds):
                put = damage(data, random.Random(stable_seed(copy.dataset, name, way, seed)))
                if put == data:
                    continue
                try:
                    with copy.damaged(name, put), opened_files() as opened:
                        after = look(copy, tasks=tasks)
                    assert_sound(copy, name, before, after, opened)
                except Exception as error:
                    error.add_note(f"{name}: {way}, seed {seed}")
                    raise


@pytest.mark.parametrize("dataset", DATASETS)
def test_damaged_texts(dataset: str, copies: Mapping[str, Copy], whole: Mapping[str, Seen]) -> None:
    try_all(copies[dataset], whole[dataset], DATASETS.index(dataset))


@pytest.mark.slow
@pytest.mark.parametrize("dataset", DATASETS)
def test_campaign_of_damaged_texts(dataset: str, copies: Mapping[str, Copy], whole: Mapping[str, Seen]) -> None:
    with watched(seconds=3_000):
        try_all(copies[dataset], whole[dataset], None, seeds=5, tasks=True)


@pytest.mark.parametrize("way", HARMLESS)
@pytest.mark.parametrize("dataset", DATASETS)
def test_line_ends_change_nothing(
    dataset: str, way: str, copies: Mapping[str, Copy], whole: Mapping[str, Seen]
) -> None:
    copy, before = copies[dataset], whole[dataset]
    for name in copy.texts():
        data = copy.bytes_of(name)
        with copy.damaged(name, HARMLESS[way](data, random.Random(0))):
            after = look(copy, level="ids")
        for step, fact in after.facts.items():
            assert str(fact) == str(before.facts[step]), (name, step)


@pytest.mark.parametrize("dataset", DATASETS)
def test_files_that_may_not_be_read(dataset: str, copies: Mapping[str, Copy], whole: Mapping[str, Seen]) -> None:
    copy, before = copies[dataset], whole[dataset]
    for name in copy.texts():
        with sealed(copy.root / name):
            after = look(copy)
        assert_sound(copy, name, before, after, [])


def questioned(copy: Copy) -> list[str]:
    """The picture of a test record, and its mask if it has one, below the root."""
    record = open_dataset(copy.choice).records("test")[0]
    pair = getattr(record, "pair", record)
    paths = [pair.image.path, *([pair.mask.path] if hasattr(pair, "mask") else [])]
    return [path.relative_to(copy.root).as_posix() for path in paths]


def assert_named(copy: Copy, name: str, put: Put, before: Seen) -> None:
    """Whoever reads a bad picture is told which, and so is who verifies the copy."""
    with copy.damaged(name, put), opened_files() as opened, warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        after = look(copy, level="decode")
    assert_sound(copy, name, before, after, opened)
    assert after.errors.keys() - before.errors.keys(), "nobody is told"
    assert isinstance(after.report, VerifyReport)
    checks = [check for check in after.report.checks if check.status == "failed" and check.level != "hashes"]
    assert checks, "verify finds nothing but another digest"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("dataset", DATASETS)
def test_damaged_pictures(
    dataset: str, copies: Mapping[str, Copy], whole: Mapping[str, Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, before = copies[dataset], whole[dataset]
    decoded: list[int] = []
    load = PillowFile.ImageFile.load

    def noted(image: PillowFile.ImageFile) -> object:
        decoded.append(image.width * image.height)
        return load(image)

    monkeypatch.setattr(PillowFile.ImageFile, "load", noted)
    for place, name in enumerate(questioned(copy)):
        data = copy.bytes_of(name)
        faults: dict[str, Put] = {way: damage(data) for way, damage in PICTURES.items()}
        faults["more pixels than allowed"] = huge_png(11_000)
        masks = {way: damage(data) for way, damage in MASKS.items()} if place else {}
        # Half of them for each dataset, the other half for the next: all pictures are opened in one place.
        shared = {**faults, **PLACES}
        half = dict(list(shared.items())[(DATASETS.index(dataset) + place) % 2 :: 2])
        for way, put in {**half, **masks}.items():
            try:
                assert_named(copy, name, put, before)
            except Exception as error:
                error.add_note(f"{name}: {way}")
                raise
    assert max(decoded) <= MAX_PIXELS  # a picture that is too large is refused by its header


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_folder_that_may_not_be_listed(dataset: str, copies: Mapping[str, Copy], whole: Mapping[str, Seen]) -> None:
    copy, before = copies[dataset], whole[dataset]
    for name in questioned(copy):
        folder = (copy.root / name).parent
        with sealed(folder):
            after = look(copy, level="decode")
        assert after.errors.keys() - before.errors.keys()
        for step, error in after.errors.items():
            if step not in before.errors:
                assert_clear(error, copy.root)
        assert after.faults


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("marked", [True, False])
def test_no_root_at_all(dataset: str, marked: bool, tmp_path: Path, copies: Mapping[str, Copy]) -> None:
    """An empty folder, and one with a marker only."""
    root = tmp_path / "nothing"
    root.mkdir()
    if marked:
        (root / MARKER).write_bytes(copies[dataset].bytes_of(MARKER))
        (root / MANIFEST).write_bytes(copies[dataset].bytes_of(MANIFEST))
    seen = look(copies[dataset], choice=replace(copies[dataset].choice, root=root))
    assert isinstance(seen.facts["open"], DataMissing)
    assert seen.faults


@pytest.mark.parametrize("way", BYTES)
def test_damaged_lists_of_recipes(way: str, copies: Mapping[str, Copy], tmp_path: Path) -> None:
    """`subset`, a file of the user's, and `remove1M.txt`, which only real copies have."""
    copy = copies["recipe1m"]
    reader = open_dataset(copy.choice)
    ids = [*reader.ids("test"), *reader.ids("train")]
    data = "".join(f"{one}\n" for one in ids).encode()
    bad = BYTES[way](data, random.Random(stable_seed("subset", way)))
    subset = tmp_path / "subset.txt"
    subset.write_bytes(bad)
    seen = look(copy, level="ids", choice=replace(copy.choice, options=(("subset", str(subset)),)))
    for error in seen.errors.values():
        assert error.hint
        assert len(str(error)) < 2_000
    if not seen.errors:
        named = set(bad.decode().split())
        assert all(
            one in named
            for split in ("test", "train")
            for one in open_dataset(replace(copy.choice, options=(("subset", str(subset)),))).ids(split)
        )
    removed = copy.root / "remove1M.txt"
    removed.write_bytes(bad)
    try:
        after = look(copy, level="ids")
    finally:
        removed.unlink()
    for error in after.errors.values():
        assert_clear(error, copy.root)


def damaged_index(good: bytes, seed: int) -> bytes:
    """Bits flipped, cut off, a page gone, noise inside, something else."""
    chance = random.Random(seed)
    place = chance.randrange(len(good))
    page = place - place % 4096
    return (
        BYTES["bits flipped"](good, chance),
        good[:place],
        good[:page] + bytes(4096) + good[page + 4096 :],
        good[:place] + chance.randbytes(50) + good[place + 50 :],
        chance.choice((b"", chance.randbytes(3_000), b"SQLite format 3\0", b"<html>")),
    )[seed % 5]


def try_indexes(copy: Copy, seeds: range) -> None:
    before = look(copy, level="ids")
    path = index_path(copy.root)
    good = path.read_bytes()
    for seed in seeds:
        path.write_bytes(damaged_index(good, seed))
        after = look(copy, level="ids")
        if not after.errors:
            assert after.facts == before.facts, seed  # made anew, or the damage is where nothing is
            continue
        for error in after.errors.values():
            assert isinstance(error, (DataCorrupt, DataMissing)), seed
            assert "index" in str(error), (seed, str(error))
        again = look(copy, level="ids")  # as the hint says
        assert again.facts == before.facts, seed


def test_a_damaged_index_is_made_anew(copies: Mapping[str, Copy]) -> None:
    try_indexes(copies["recipe1m"], range(60))


@pytest.mark.slow
def test_campaign_of_damaged_indexes(copies: Mapping[str, Copy]) -> None:
    with watched(seconds=3_000):
        try_indexes(copies["recipe1m"], range(3_000))


def test_a_layer_that_breaks_in_the_middle_leaves_no_index(copies: Mapping[str, Copy]) -> None:
    copy = copies["recipe1m"]
    before = look(copy, level="ids")
    for name in ("layer1.json", "layer2.json", "det_ingrs.json"):
        data = copy.bytes_of(name)
        middle = data.index(b'"id"', len(data) // 2)
        for put in (data[:middle], data[:middle] + b"\0" * 100, data[:middle] + b"}" + data[middle:]):
            index_path(copy.root).unlink(missing_ok=True)
            with copy.damaged(name, put):
                error = look(copy, level="ids").errors["open"]
            assert f"{name}, byte" in error.message
            assert not [*index_path(copy.root).parent.glob("*.sqlite"), *index_path(copy.root).parent.glob(".*.tmp")]
    assert look(copy, level="ids").facts == before.facts


REGISTRY = {
    "schema": 1,
    "datasets": {
        "food101": {"root": "/data/food-101", "allow_partial": False, "options": {}},
        "nutrition5k": {"root": "/data/n5k", "allow_partial": True, "options": {"view": "any"}},
    },
}


def registry_damage() -> dict[str, list[Bytes]]:
    return {**{way: [damage] for way, damage in BYTES.items()}, "document": [broken_document] * 60}


@pytest.mark.parametrize("way", registry_damage())
def test_damaged_list_of_folders(way: str) -> None:
    """`datasets.json`: refused clearly, or what it says is taken."""
    path = registry_path()
    path.parent.mkdir(parents=True)
    data = json.dumps(REGISTRY, indent=1).encode()
    for seed, damage in enumerate(registry_damage()[way]):
        path.write_bytes(damage(data, random.Random(stable_seed(way, seed))))
        for name in ("food101", "nutrition5k"):
            try:
                found = roots()
                assert name not in found or isinstance(resolve(name, "real"), object)
            except FoodbenchError as error:
                assert error.hint
                assert name in str(error) or str(path) in str(error)


@pytest.mark.parametrize("way", PLACES)
def test_something_else_in_the_place_of_the_list_of_folders(way: str) -> None:
    path = registry_path()
    path.parent.mkdir(parents=True)
    PLACES[way](path)
    if way in ("nothing", "a dangling link"):
        assert roots() == {}
    else:
        with pytest.raises(DataMissing, match=r"datasets\.json"):
            roots()


@pytest.mark.parametrize("name", [*TRAVERSALS, "", "food101/../food101", "food101.json", "food101\0"])
def test_known_bad_items_of_no_dataset(name: str) -> None:
    with pytest.raises(FoodbenchError, match="Unknown dataset"):
        known_bad.report(name)
    with pytest.raises(FoodbenchError, match="Unknown list"):
        known_bad.bad_ids("nutrition5k", lists=[name])
