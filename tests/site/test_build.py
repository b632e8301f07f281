"""The built site: the same bytes twice, sound links, every number with its samples and its command."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from foodbench.core.errors import DataCorrupt, DataMissing, UsageError
from foodbench.site.builder import BuildOptions, build
from foodbench.site.check import MAX_HOME, check_site
from foodbench.site.pictures import MAX_BYTES
from tests.conftest import REPOSITORY
from tests.site.made_reports import plain_contents, write_report
from tests.site.pages_for_tests import Links, digests, table_rows


def built(reports: Path, out: Path, config: Path | None = None) -> Path:
    build(BuildOptions(reports, out, config or out.parent / "none", pictures=False, workers=1))
    return out


def test_nothing_is_wrong_with_it(made_site: Path) -> None:
    report = check_site(made_site)
    assert report.findings == ()
    assert report.pages > 20


def test_twice_the_same_bytes(
    made_site: Path, made_reports: Path, made_config: Path, kitchen: Path, tmp_path: Path
) -> None:
    again = tmp_path / "dist"
    build(BuildOptions(made_reports, again, made_config, workers=2))
    assert digests(again) == digests(made_site)


def test_it_replaces_what_it_built_and_nothing_else(made_reports: Path, tmp_path: Path) -> None:
    out = built(made_reports, tmp_path / "dist")
    (out / "stray.html").write_text("left over")
    built(made_reports, out)
    assert not (out / "stray.html").exists()
    other = tmp_path / "home"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError):
        built(made_reports, other)
    assert (other / "thesis.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} >= {"dist", "home"}
    assert not list(tmp_path.glob(".dist*"))


@pytest.mark.parametrize("gone", ["all-right", "some-wrong", "one-task"])
def test_without_a_report_its_row_is_gone_and_nothing_else(made_reports: Path, tmp_path: Path, gone: str) -> None:
    whole = built(made_reports, tmp_path / "whole" / "dist")
    fewer_reports = tmp_path / "reports"
    shutil.copytree(made_reports, fewer_reports)
    shutil.rmtree(fewer_reports / gone)
    fewer = built(fewer_reports, tmp_path / "fewer" / "dist")
    for suite in ("recognition", "nutrition", "referring-segmentation"):
        before = table_rows((whole / "index.html").read_text(), suite)
        after = table_rows((fewer / "index.html").read_text(), suite)
        before.pop(f"{suite}-{gone}", None)
        assert after == before
    assert not (fewer / "models" / f"{gone}.html").exists()
    assert not (fewer / "samples" / gone).exists()
    kept = {name: digest for name, digest in digests(whole / "samples").items() if not name.startswith(gone)}
    others = {name for name in kept if name.endswith(".gz") or name.endswith(".jsonl")}
    assert {name: digests(fewer / "samples")[name] for name in others} == {name: kept[name] for name in others}


def test_a_submission_has_its_row_and_its_card(made_reports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "leaderboard" / "submissions" / "some-model" / "0123456789ab"
    shutil.copytree(made_reports / "some-wrong", folder)
    card = {"name": "Some model", "organisation": "Some people", "parameters": 7, "licence": "MIT"}
    plain = card | {"training_data": "photos", "overlap": {"*": "unknown"}, "url": "https://example.org/model"}
    (folder / "card.yaml").write_text(json.dumps(plain))
    write_submission(folder, {"food101.dish@1": "recomputed", "nutrition5k.total@2": "rescored"})
    site = built(made_reports, tmp_path / "dist", tmp_path / "leaderboard")
    rows = table_rows((site / "index.html").read_text(), "recognition")
    name = "some-model-0123456789ab"
    assert f"recognition-{name}" in rows
    page = (site / "models" / f"{name}.html").read_text()
    assert all(text in page for text in ("Some model", "Some people", "MIT", "https://example.org/model"))
    notes = {each["task"]: each["note"] for each in json.loads((site / f"data/models/kitchen-{name}.json").read_text())}
    assert notes["food101.dish@1"] == "scores as submitted, answers not read again"
    assert notes["nutrition5k.total@2"] == ""
    assert check_site(site).findings == ()
    (folder / "card.yaml").write_text(json.dumps(plain | {"rank": 1}))
    with pytest.raises(DataCorrupt, match=r"card\.yaml is not a valid SubmissionCard: rank"):
        built(made_reports, tmp_path / "again", tmp_path / "leaderboard")


def test_every_number_leads_to_its_samples_and_its_command(made_site: Path) -> None:
    home = Links((made_site / "index.html").read_text())
    to_samples = [(href, text) for href, text in home.found if href.startswith("samples/")]
    assert len(to_samples) == 5 + 5 + 1
    for href, text in to_samples:
        page = Links((made_site / href).read_text())
        assert text.strip() in page.text
        command = next(target for target, _ in page.found if target.endswith("#command"))
        model = ((made_site / href).parent / command.partition("#")[0]).resolve()
        assert "foodbench run --model" in model.read_text()
        folder = (made_site / href).parent
        answers = [name for name, _ in page.found if name.startswith("samples.jsonl")]
        assert answers
        assert (folder / answers[0]).is_file()
        for target, _ in page.found:
            assert "://" not in target


def test_the_command_is_the_runs_own(made_site: Path) -> None:
    page = (made_site / "models" / "some-wrong.html").read_text()
    tasks = "food101.dish,vireo172.dish,nutrition5k.total,foodseg103.refer1,foodseg103.absent1"
    assert f"foodbench run --model endpoint:some-model --tasks {tasks} --edition kitchen" in page


def test_downloads_have_what_the_tables_have(made_site: Path) -> None:
    records = json.loads((made_site / "data" / "kitchen-recognition.json").read_text())
    with (made_site / "data" / "kitchen-recognition.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(records)
    mine = [each for each in records if each["system"] == "some-wrong" and each["task"] == "food101.dish@1"]
    assert mine[0]["value"] == pytest.approx(80, abs=3)
    assert mine[0]["low"] < mine[0]["value"] < mine[0]["high"]
    assert {each["kind"] for each in records} == {"system", "floor", "ceiling"}


def test_pictures_are_small_and_marked(made_site: Path) -> None:
    pictures = list((made_site / "img").rglob("*.webp"))
    assert len(pictures) > 50
    assert max(path.stat().st_size for path in pictures) <= MAX_BYTES
    page = (made_site / "samples" / "all-right" / "foodseg103.refer1-v2" / "1.html").read_text()
    assert page.count('class="tl"') == page.count('class="pf"') == page.count('<article class="sample')
    wrong = (made_site / "samples" / "some-wrong" / "foodseg103.refer1-v2" / "1.html").read_text()
    assert wrong.count('class="pf"') < wrong.count('class="tl"')
    assert "nothing marked" in wrong


def test_another_kitchen_shows_no_pictures(made_reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foodbench.data.kitchen import make

    make(tmp_path / "kitchen", seed=99, size=64, train=12, test=12, datasets=("food101",), workers=1)
    monkeypatch.setenv("FOODBENCH_KITCHEN", str(tmp_path / "kitchen"))
    out = tmp_path / "dist"
    build(BuildOptions(made_reports, out, tmp_path, workers=1))
    page = (out / "samples" / "all-right" / "food101.dish-v1" / "1.html").read_text()
    assert "<img" not in page
    assert "Pictures and references are not shown" in page


def test_editions_are_never_mixed(tmp_path: Path) -> None:
    answers = [(f"a/{index}", "soup", index % 2 == 0) for index in range(10)]
    write_report(tmp_path / "reports", "ours", plain_contents(answers))
    write_report(tmp_path / "reports", "photos", plain_contents(answers, edition="real"))
    write_report(tmp_path / "reports", "hard", plain_contents(answers, variant="hard, seed 7"))
    out = built(tmp_path / "reports", tmp_path / "dist")
    for page, name in (
        ("index.html", "ours"),
        ("board-real.html", "photos"),
        ("board-kitchen-hard-seed-7.html", "hard"),
    ):
        text = (out / page).read_text()
        assert {each for each in ("ours", "photos", "hard") if f"models/{each}.html" in text} == {name}


def test_only_equal_questions_are_ranked(tmp_path: Path) -> None:
    answers = [(f"a/{index}", "soup", index % 2 == 0) for index in range(10)]
    reports = tmp_path / "reports"
    for name in ("first", "second"):
        write_report(reports, name, plain_contents(answers))
    write_report(reports, "other", plain_contents(answers, fingerprint="sha256:others"))
    write_report(reports, "part", plain_contents(answers), limit=5)
    write_report(reports, "older", plain_contents(answers, version=0))
    out = built(reports, tmp_path / "dist")
    rows = {each["system"]: each for each in json.loads((out / "data/tasks/kitchen-food101.dish.json").read_text())}
    assert rows["first"]["rank_best"] == 1
    assert rows["second"]["rank_worst"] == 2
    assert rows["other"]["rank_best"] is None
    assert rows["other"]["note"] == "other questions"
    assert rows["older"]["badge"] == "stale"
    assert "part" not in rows
    assert "only a part was asked" in (out / "index.html").read_text()
    assert check_site(out).findings == ()


def test_reported_numbers_are_shown_and_not_ranked(made_site: Path) -> None:
    text = (made_site / "board-real.html").read_text()
    assert "reported" in text
    records = json.loads((made_site / "data" / "real-recipes.json").read_text())
    assert {each["kind"] for each in records} == {"reported"}
    assert all(not each.get("rank_best") for each in records)
    assert (made_site / "papers" / "foodlmm.html").is_file()


def write_submission(folder: Path, checked: dict[str, str]) -> None:
    tasks = {
        name: {"edition": "kitchen", "variant": "", "n": 1, "samples_sha256": "0" * 64, "checked": how}
        for name, how in checked.items()
    }
    plain: dict[str, Any] = {
        "kind": "measured" if tasks else "reported",
        "model": folder.parent.name,
        "digest": "0" * 64,
    }
    plain |= {"files": {}, "foodbench": "0.1.0", "scoring": "-", "tasks": tasks, "not_covered": {}, "notes": []}
    (folder / "submission.json").write_text(json.dumps(plain))


def test_numbers_submitted_without_answers_are_reported(made_reports: Path, tmp_path: Path) -> None:
    folder = tmp_path / "leaderboard" / "submissions" / "bold-model" / "0123456789ab"
    folder.mkdir(parents=True)
    card = {"name": "Bold <i>model</i>", "organisation": "Some people", "parameters": 7, "licence": "MIT"}
    (folder / "card.yaml").write_text(json.dumps(card | {"training_data": "photos", "overlap": {"*": "unknown"}}))
    write_submission(folder, {})
    numbers = [
        {"task": "food101.dish", "metric": "top1_accuracy", "value": 99.25, "where": "Table 9"},
        {"task": "nutrition5k.total", "metric": "mae.kcal", "value": 12.5},
    ]
    for edition in ("real", "kitchen"):
        # The title is that of a paper: its numbers must not slip into the paper's own rows.
        source = {"title": "adamllm", "url": "https://example.org/?a=1&b=2"}
        (folder / "reported.yaml").write_text(json.dumps({"source": source, "edition": edition, "numbers": numbers}))
        site = built(made_reports, tmp_path / "dist", tmp_path / "leaderboard")
        assert check_site(site).findings == ()
        records = json.loads((site / "data" / f"{edition}-recognition.json").read_text())
        (mine,) = [each for each in records if each["system"] == "Bold <i>model</i>"]
        assert (mine["kind"], mine["task"], mine["value"]) == ("reported", "food101.dish@1", 99.25)
        home = (site / ("index.html" if edition == "kitchen" else "board-real.html")).read_text()
        assert 'href="papers/submitted.html#bold-model-0123456789ab"' in home
        assert "<i>model" not in home
        page = (site / "papers" / "submitted.html").read_text()
        assert 'id="bold-model-0123456789ab"' in page
        assert "https://example.org/?a=1&amp;b=2" in page
        assert "12.5\u00a0kcal" in page or "12.5&nbsp;kcal" in page
        assert "Bold &lt;i&gt;model" in (site / "tasks" / "food101.dish.html").read_text()
        ranked = json.loads((site / "data" / "tasks" / "kitchen-food101.dish.json").read_text())
        assert "bold" not in str(ranked).lower()


def test_a_trivial_baseline_stands_in_its_place_and_changes_no_rank(made_reports: Path, tmp_path: Path) -> None:
    before = built(made_reports, tmp_path / "before" / "dist")
    reports = tmp_path / "reports"
    shutil.copytree(made_reports, reports)
    shutil.copytree(reports / "all-right", reports / "trivial")
    path = reports / "trivial" / "run.json"
    path.write_text(path.read_text().replace("py:example:Model", "baseline:blind"))
    after = built(reports, tmp_path / "after" / "dist")

    def ranks(site: Path) -> dict[str, tuple[int | None, int | None]]:
        found = json.loads((site / "data" / "tasks" / "kitchen-food101.dish.json").read_text())
        return {each["system"]: (each["rank_best"], each["rank_worst"]) for each in found if "rank_best" in each}

    assert ranks(after) == {**ranks(before), "trivial": (None, None)}
    pairs = "data/tasks/kitchen-food101.dish-pairs.json"
    assert (after / pairs).read_bytes() == (before / pairs).read_bytes()
    rows = [each for each in json.loads((after / "data/kitchen-recognition.json").read_text()) if "at" not in each]
    kinds = {each["system"]: each["kind"] for each in rows}
    assert kinds["trivial"] == "baseline"
    assert kinds["all-right"] == "system"
    assert check_site(after).findings == ()


@pytest.mark.parametrize(
    ("right", "row", "changes", "badge"),
    [
        (94, "FoodLMM FT", {}, "reproduced"),  # 93.93 % in the paper
        (80, "FoodLMM FT", {}, "measured"),
        (94, "FoodLMM XL", {}, "measured"),
        (94, "FoodLMM FT", {"edition": "kitchen"}, "measured"),
        (94, "FoodLMM FT", {"missing": 3}, "measured"),
        (94, "FoodLMM FT", {"version": 0}, "stale"),
    ],
)
def test_reproduced_is_said_only_where_the_published_number_lies_within(
    tmp_path: Path, right: int, row: str, changes: dict[str, Any], badge: str
) -> None:
    answers = [(f"a/{index}", "soup", index < right) for index in range(100)]
    write_report(tmp_path / "reports", "again", plain_contents(answers, **{"edition": "real", **changes}))
    cards = tmp_path / "leaderboard" / "models"
    cards.mkdir(parents=True)
    (cards / "again.yaml").write_text(
        f"name: Again\nsummary: as published\nlicence: MIT\ntraining_data: photos\nreproduces: foodlmm/{row}\n"
    )
    site = built(tmp_path / "reports", tmp_path / "dist", tmp_path / "leaderboard")
    edition = changes.get("edition", "real")
    (mine,) = json.loads((site / "data" / "tasks" / f"{edition}-food101.dish.json").read_text())[:1]
    assert mine["badge"] == badge
    page = (site / "models" / "again.html").read_text() + (site / "tasks" / "food101.dish.html").read_text()
    assert ("FoodLMM FT, Table VII: 93.93" in page) == (badge == "reproduced")


def test_cards_are_text(made_site: Path) -> None:
    page = (made_site / "models" / "all-right.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>Bold" not in page
    assert "half of it" in page


@pytest.mark.parametrize("damage", ["samples", "result", "name"])
def test_damaged_reports_are_refused_by_name(tmp_path: Path, damage: str) -> None:
    reports = tmp_path / "reports"
    path = write_report(reports, "one", plain_contents([("a/1", "soup", True), ("a/2", "soup", False)]))
    if damage == "samples":
        samples = path / "food101.dish@1" / "samples.jsonl"
        samples.write_bytes(samples.read_bytes().splitlines(keepends=True)[0])
    elif damage == "result":
        (path / "food101.dish@1").rename(path / "food101.dish@2")
    else:
        path.rename(reports / "a b")
    with pytest.raises(DataCorrupt):
        built(reports, tmp_path / "dist")
    assert not (tmp_path / "dist").exists()
    assert not list(tmp_path.glob(".dist*"))


def test_no_reports(tmp_path: Path) -> None:
    with pytest.raises(DataMissing):
        built(tmp_path, tmp_path / "dist")


def test_the_committed_board_is_sound(tmp_path: Path) -> None:
    out = built(REPOSITORY / "reports", tmp_path / "dist", REPOSITORY / "leaderboard")
    report = check_site(out)
    assert report.findings == ()
    home = sum((out / name).stat().st_size for name in ("index.html", "assets/site.css", "assets/site.js"))
    assert home < MAX_HOME
    for path in (REPOSITORY / "leaderboard" / "models").glob("*.yaml"):
        assert (REPOSITORY / "reports" / path.stem).is_dir(), f"{path.name} is the card of no report"
