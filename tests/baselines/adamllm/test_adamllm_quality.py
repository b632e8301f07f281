from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from baselines.adamllm.agreement import agreement, cohen_kappa, fleiss_kappa
from baselines.adamllm.intake import read_pairs
from baselines.adamllm.ledger import Ledger
from baselines.adamllm.quality import (
    ASPECTS,
    Item,
    Rating,
    draw_items,
    item_dict,
    item_from_dict,
    report,
    report_text,
    rescaled,
    task_item,
    triplet_item,
)
from baselines.adamllm.quality_judging import rate_by_model, rating_system, read_rating
from baselines.adamllm.rating_page import page_digest, read_csv, write_page
from baselines.adamllm.records import Triplet
from foodbench.core.errors import UsageError
from tests.adapters.endpoint_server import FakeServer, Received, Response, completion
from tests.baselines.adamllm.conftest import asker

Playing = Callable[[Callable[[Received], Response]], FakeServer]
HEADER = ["page", "item", "rater", *(aspect.name for aspect in ASPECTS)]


@pytest.fixture
def items(folder: Path) -> list[Item]:
    images = [pair.image for pair in read_pairs(folder / "pairs.jsonl").kept]
    made = [task_item("ours", f"o{number}", images[number], f"Ask {number}?", "Told.") for number in range(3)]
    made += [task_item("rule", f"r{number}", images[number], f"Ask {number}?", "Rule.") for number in range(2)]
    return [*made, triplet_item("triplets", "t", images[5], Triplet("How many?", "I count 3.", "3"))]


def test_cohens_kappa_on_textbook_tables() -> None:
    # 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: observed .7, chance .5.
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(first, second, "yn") == pytest.approx(0.4)
    assert cohen_kappa(first, first, "yn") == 1
    assert cohen_kappa(["y", "n"], ["n", "y"], "yn") == -1
    # Squared distances by hand: observed 2 of 4, chance 22 of 16.
    weighted = cohen_kappa(list("1233"), list("1332"), "123", quadratic=True)
    assert weighted == pytest.approx(1 - 0.5 / 1.375)
    assert cohen_kappa(["y"], ["y"], "yn") is None
    assert cohen_kappa([], [], "yn") is None
    for wrong in ((["y"], []), (["x"], ["y"])):
        with pytest.raises(ValueError):
            cohen_kappa(*wrong, "yn")


def test_fleiss_kappa_on_the_table_of_its_paper() -> None:
    # Ten items, fourteen raters, five categories: the common worked example, kappa 0.210.
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    assert fleiss_kappa(counts) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa([[3, 0], [3, 0]]) is None
    assert fleiss_kappa([]) is None
    for wrong in ([[1, 0]], [[2, 0], [1, 0]]):
        with pytest.raises(ValueError):
            fleiss_kappa(wrong)


def test_agreement_takes_the_items_that_all_have_rated() -> None:
    two = agreement({"a": {"x": "1", "y": "2"}, "b": {"x": "1", "y": "1"}, "c": {"x": "3"}}, "123", ordered=True)
    assert (two.statistic, two.items, two.raters, two.observed) == ("cohen.quadratic", 2, 2, 0.5)
    three = agreement({"a": dict.fromkeys("xyz", "1"), "b": dict.fromkeys("xyz", "2")}, "12")
    assert (three.statistic, three.kappa, three.observed, three.raters) == ("fleiss", 1, 1, 3)
    alone = agreement({"a": {"x": "1"}}, "12")
    assert (alone.statistic, alone.kappa, alone.raters) == ("none", None, 1)
    apart = agreement({"a": {"x": "1"}, "b": {"y": "1"}}, "12")
    assert (apart.statistic, apart.items, apart.raters) == ("none", 0, 2)


def rated(item: Item, rater: str, **choices: str) -> Rating:
    return Rating(item.item_id, rater, choices)


def test_the_report_has_a_row_for_each_source_and_aspect(items: list[Item]) -> None:
    ours, rule, triplet = items[:3], items[3:5], items[5]
    ratings = [
        rated(ours[0], "x", task_type="object recognition", knowledge="5", accuracy="5"),
        rated(ours[0], "y", task_type="object recognition", knowledge="3", accuracy="5"),
        rated(ours[1], "x", task_type="segmentation", knowledge="1", accuracy="4"),
        rated(ours[2], "x", task_type="sentiment analysis", knowledge="3", accuracy="3"),
        rated(rule[0], "x", task_type="object recognition", knowledge="1"),
        rated(triplet, "x", consistent="yes", precise_accuracy="no"),
        Rating("unknown", "x", {"knowledge": "5"}),
    ]
    found = report(items, ratings)
    mine = found["sources"]["ours"]
    assert mine["task_type"]["value"] == pytest.approx(100 * 2 / 17)  # segmentation is known and does not count
    assert mine["knowledge"]["value"] == pytest.approx((75 + 0 + 50) / 3)
    assert mine["knowledge"]["items"] == 3
    low, high = mine["knowledge"]["interval"]
    assert 0 <= low < mine["knowledge"]["value"] < high <= 100
    assert mine["accuracy"]["value"] == pytest.approx((100 + 75 + 50) / 3)
    assert "complexity" not in mine
    assert found["sources"]["rule"]["knowledge"]["value"] == 0
    kept = found["sources"]["triplets"]
    assert (kept["consistent"]["value"], kept["precise_accuracy"]["value"]) == (100, 0)
    assert (found["foreign_ratings"], found["raters"]) == (1, ["x", "y"])
    assert found["agreement"]["knowledge"]["items"] == 1
    assert json.loads(json.dumps(found)) == found
    text = report_text(found)
    assert "| ours | knowledge | 41.7 |" in text
    assert "does not exist" in text
    assert "nobody" in report_text(report(items, []))
    assert (rescaled(1), rescaled(3), rescaled(5)) == (0, 50, 100)


def test_items_are_drawn_by_themselves_and_do_not_tell_their_source(items: list[Item]) -> None:
    drawn = draw_items(items, 2)
    assert sorted(item.source for item in drawn) == ["ours", "ours", "rule", "rule", "triplets"]
    assert draw_items(items[::-1], 2) == drawn
    assert all(item.source not in item.item_id for item in items)
    again = [item_from_dict(json.loads(json.dumps(item_dict(item)))) for item in items]
    assert again == items


def test_the_page_holds_everything_and_loads_nothing(items: list[Item], tmp_path: Path) -> None:
    hostile = task_item("ours", "h", items[0].image, "</script><script>alert(1)</script>", "\u202e<!-- \u2028 ]]>")
    lost = task_item("ours", "l", items[1].image, "Lost?", "Yes.")
    items[1].image.path.unlink()
    path = tmp_path / "page.html"
    write_page(path, [hostile, lost, *items])
    page = path.read_text()
    assert page.count("<script") == 2
    assert "alert(1)</script>" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@[A-Z]+@|src=\"(?!data:)", page)
    assert "ours" not in page
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [one["id"] for one in data["items"]] == [one.item_id for one in (hostile, lost, *items)]
    assert data["items"][0]["texts"][0][1] == "</script><script>alert(1)</script>"
    assert data["items"][0]["picture"].startswith("data:image/jpeg;base64,")
    assert data["items"][1]["picture"] == ""
    write_page(tmp_path / "again.html", [hostile, lost, *items])
    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()
    for wrong in ([], [items[0], items[0]]):
        with pytest.raises(UsageError):
            write_page(path, wrong)


def row(items: list[Item], item: str, rater: str = "Ann", page: str | None = None, **choices: str) -> list[str]:
    return [page or page_digest(items), item, rater, *(choices.get(aspect.name, "") for aspect in ASPECTS)]


def sheet(path: Path, *rows: list[str], delimiter: str = ",") -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([HEADER, *rows])
    path.write_text("\ufeff" + text.getvalue(), encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_csv_files_are_read_back(items: list[Item], tmp_path: Path, delimiter: str) -> None:
    rows = [
        row(items, items[0].item_id, knowledge="4", task_type="object recognition"),
        row(items, items[5].item_id, "'=Bob", consistent="yes"),
        row(items, items[1].item_id),
    ]
    found = read_csv(sheet(tmp_path / "r.csv", *rows, delimiter=delimiter), items)
    assert found == [
        Rating(items[0].item_id, "Ann", {"task_type": "object recognition", "knowledge": "4"}),
        Rating(items[5].item_id, "=Bob", {"consistent": "yes"}),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"page": "other"}, "another page"),
        ({"item": "nothing"}, "no item"),
        ({"rater": " "}, "no proper name"),
        ({"rater": "a\u202eb"}, "no proper name"),
        ({"knowledge": "6"}, "no choice of knowledge"),
        ({"consistent": "yes"}, "no choice of consistent"),
    ],
)
def test_a_wrong_row_refuses_the_file(items: list[Item], tmp_path: Path, change: dict[str, str], message: str) -> None:
    told = {"item": items[0].item_id, **change}
    path = sheet(tmp_path / "r.csv", row(items, items[1].item_id, knowledge="4"), row(items, **told))
    with pytest.raises(UsageError, match=message):
        read_csv(path, items)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",".join(HEADER) + "\n1,2\n", ",".join(HEADER) + '\n"x', "\xff"])
def test_files_that_are_no_sheet_are_refused(items: list[Item], tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError):
        read_csv(path, items)
    with pytest.raises(UsageError):
        read_csv(tmp_path / "absent.csv", items)


def test_one_person_rates_an_item_once(items: list[Item], tmp_path: Path) -> None:
    rows = [row(items, items[0].item_id, knowledge=mark) for mark in "34"]
    with pytest.raises(UsageError, match="twice"):
        read_csv(sheet(tmp_path / "r.csv", *rows), items)


GOOD = {"task_type": "object recognition", "knowledge": 4, "complexity": "2", "accuracy": 5.0}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (json.dumps(GOOD), None),
        (f"Sure:\n```json\n{json.dumps(GOOD)}\n```", None),
        (json.dumps({**GOOD, "knowledge": 6}), "knowledge"),
        (json.dumps({**GOOD, "knowledge": 4.5}), "knowledge"),
        (json.dumps({**GOOD, "accuracy": True}), "accuracy"),
        (json.dumps({**GOOD, "task_type": "poetry"}), "task_type"),
        (json.dumps({"task_type": "other"}), "knowledge"),
        ("five stars", "no JSON"),
        ("{" * 90_000, "no JSON"),
        ("", "empty"),
    ],
)
def test_a_judges_rating_is_whole_or_none(text: str, problem: str | None) -> None:
    found = read_rating(text, "task")
    if problem is None:
        assert found == {"task_type": "object recognition", "knowledge": "4", "complexity": "2", "accuracy": "5"}
    else:
        assert isinstance(found, str)
        assert problem in found


def test_a_model_rates_and_nothing_is_asked_twice(playing: Playing, items: list[Item], tmp_path: Path) -> None:
    def respond(got: Received) -> Response:
        system = got.body["messages"][0]["content"]
        if system == rating_system("triplet"):
            return completion(json.dumps({"consistent": "Yes", "informative_accuracy": 5, "precise_accuracy": True}))
        return completion("none" if "Ask 1?" in got.body["messages"][1]["content"][1]["text"] else json.dumps(GOOD))

    server = playing(respond)
    for asked in (6, 0):
        with Ledger.opened(tmp_path / "l.jsonl") as ledger:
            ratings, unread, told = rate_by_model(items, asker(server), ledger)
        assert told.new == asked
        assert len(ratings) == 4
        assert [one.reason for one in unread] == ["unread", "unread"]
    assert len(server.received) == 6
    assert ratings[-1].choices == {"consistent": "yes", "informative_accuracy": "5", "precise_accuracy": "yes"}
