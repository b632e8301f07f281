"""The published numbers: complete, known to the tasks, and those of the papers."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from foodbench.core.errors import DataCorrupt, UnknownName
from foodbench.papers.catalog import ADDRESS, PAPERS, QUANTITIES, Cell, all_papers, find_paper, find_table, load, parse
from foodbench.papers.numbers import Interval
from foodbench.tasks import TASKS

CELLS = [cell for paper in all_papers() for cell in paper.cells]
REFER, RULE = "Referring nutrition estimation", "single-stage, rule"
UNITS = {"", "%", "kcal", "g", "h", "k", "items"}


@pytest.mark.parametrize("name", PAPERS)
def test_every_file_parses_and_is_plain_csv(name: str) -> None:
    text = (files("foodbench.papers") / "data" / f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["paper"] for row in rows] == [name] * len(rows)
    assert len(load(name).cells) == len(rows)


def test_every_cell_has_a_table_a_unit_and_an_address_of_its_own() -> None:
    for paper in all_papers():
        assert {cell.table for cell in paper.cells} == set(paper.labels)
        addresses = [tuple(getattr(cell, name) for name in ADDRESS) for cell in paper.cells]
        assert len(set(addresses)) == len(addresses)
    assert {cell.unit for cell in CELLS} <= UNITS


def test_tasks_metrics_protocols_and_units_are_known() -> None:
    wrong = []
    for cell in CELLS:
        if not cell.task:
            if cell.protocol or (cell.metric not in QUANTITIES and not _is_a_metric(cell.metric)):
                wrong.append(cell)
            continue
        task = TASKS.get(cell.task)
        units = {metric.id: metric.unit for metric in task.metrics}
        if cell.protocol != task.protocol or units.get(cell.metric) != cell.unit:
            wrong.append(cell)
    assert wrong == []


def _is_a_metric(name: str) -> bool:
    return any(metric.id == name for task in TASKS.names() for metric in TASKS.get(task).metrics)


def test_every_remark_is_about_cells_that_exist() -> None:
    for paper in all_papers():
        for remark in paper.minds:
            assert any(cell.task for cell in paper.select(remark.cells)), remark
        for remark in paper.unmeasured:
            assert any(not cell.task for cell in paper.select(remark.cells)), remark


def test_every_number_beside_a_task_has_something_to_mind() -> None:
    """No paper's protocol is exactly foodbench's, so no difference is printed without saying what differs."""
    for paper in all_papers():
        bare = [cell for cell in paper.cells if cell.task and not any(cell.matches(mind.cells) for mind in paper.minds)]
        assert bare == []


@pytest.mark.parametrize(
    ("printed", "paper", "address"),
    [
        ("93.93", "foodlmm", {"table": "7", "row": "FoodLMM FT", "block": "Food classification, Food-101"}),
        ("25.52", "foodlmm", {"table": "7", "row": "2D Direct Prediction", "span": "Average", "column": "MAE"}),
        ("40.4", "foodlmm", {"table": "7", "row": "FoodLMM S1", "group": "", "span": "Fat", "column": "%"}),
        ("25.2", "foodlmm", {"table": "7", "row": "FoodLMM FT", "group": "refer@1st", "metric_": "mae.kcal"}),
        ("48.2", "foodlmm", {"table": "7", "row": "FoodLMM FT", "group": "refer@3rd", "metric_": "pmae.protein"}),
        ("73", "foodlmm", {"table": "8", "column": "4"}),
        ("0.34", "foodlmm", {"table": "9", "row": "FoodLMM S1", "column": "cIoU"}),
        ("43.62", "foodlmm", {"table": "10", "row": "single-task", "metric_": "mean", "column": "%", "block": REFER}),
        ("1e-3", "foodlmm", {"table": "5", "row": "lambda_MAE"}),
        ("323", "foodlmm", {"table": "3", "row": "5", "column": "Test"}),
        ("0.45", "rl", {"table": "1", "row": "Ours (3B, DAPO)", "column": "cIoU"}),
        ("30.21", "recipes", {"table": "1", "row": "FIRE", "span": "Ingredients", "column": "Precision"}),
        ("36.84", "recipes", {"table": "2", "row": "Ours", "column": "IoU"}),
        ("46.24", "recipes", {"table": "3", "row": "-F1-Reward", "column": "Precision"}),
        ("68.88", "recipes", {"table": "4", "row": "+Action (AR-RFT+SCSR)", "column": "BERTScore"}),
        ("82.1", "adamllm", {"table": "3", "row": "LLaVA-Chef-11B", "span": "Food101"}),
        ("38.2", "adamllm", {"table": "4", "row": "Qwen2-VL-2B", "span": "two-stage", "column": "ours"}),
        ("25.6", "adamllm", {"table": "5", "row": "w/o Synthetic Task (caption only)"}),
        ("16.9", "adamllm", {"table": "14", "group": "Llama-3.2-11B", "row": RULE, "span": "FoodSeg103"}),
    ],
)  # fmt: skip
def test_numbers_as_the_papers_print_them(printed: str, paper: str, address: dict[str, str]) -> None:
    metric = address.pop("metric_", None)
    found = [cell.value for cell in load(paper).select(address) if metric in (None, cell.metric)]
    assert found == [printed]


def test_table_vii_of_foodlmm_as_restored() -> None:
    block = "Referring segmentation, one or several ingredients"
    rows: dict[tuple[str, str], list[str]] = {}
    for cell in load("foodlmm").select({"table": "7", "block": block}):
        rows.setdefault((cell.group, cell.row), []).append(cell.value)
    assert rows == {
        ("FoodSeg103", "LISA-7B"): ["0.65", "100.00"],
        ("FoodSeg103", "FoodLMM S1"): ["0.78", "99.16", "0.73", "98.99", "0.58", "98.34"],
        ("FoodSeg103", "FoodLMM FT"): ["0.80", "98.69", "0.74", "99.51", "0.62", "99.29"],
        ("UEC-FoodPIX", "LISA-7B"): ["0.72", "100.00"],
        ("UEC-FoodPIX", "FoodLMM S1"): ["0.90", "99.70", "0.72", "97.51", "0.64", "98.10"],
        ("UEC-FoodPIX", "FoodLMM FT"): ["0.90", "99.60", "0.76", "99.38", "0.68", "99.05"],
    }
    tuned = load("foodlmm").select({"table": "7", "block": block, "row": "FoodLMM FT"})

    def mean(cells: list[Cell]) -> float:
        return sum(float(cell.value) for cell in cells) / len(cells)

    assert round(mean([cell for cell in tuned if cell.column == "cIoU"]), 2) == 0.75
    assert round(mean([cell for cell in tuned if cell.column == "Acc."]), 2) == 99.25
    absent = {"table": "7", "block": "Referring segmentation, absent ingredients", "row": "FoodLMM FT"}
    assert mean(load("foodlmm").select(absent)) == pytest.approx(86.015)
    assert all(cell.note for cell in tuned)


@pytest.mark.parametrize(
    ("text", "exact", "low", "high"),
    [
        ("0.75", False, 0.745, 0.755),
        ("20", False, 19.5, 20.5),
        ("1e-3", False, 0.0005, 0.0015),
        ("2.5e1", False, 24.5, 25.5),
        ("7", True, 7.0, 7.0),
        ("-1.5", False, -1.55, -1.45),
    ],
)
def test_what_a_printed_number_can_have_been(text: str, exact: bool, low: float, high: float) -> None:
    interval = Interval.printed(text, exact=exact)
    assert (interval.low, interval.high) == pytest.approx((low, high))


def test_names_are_found_by_id_and_by_label() -> None:
    for name in ("foodlmm/7", "foodlmm/VII", "foodlmm/table vii"):
        assert find_table(name)[1].id == "7"
    assert find_table("rl_reasonseg/1") == find_table("rl/1")
    assert find_paper("recipe_grounded") is find_paper("recipes")
    with pytest.raises(UnknownName, match="Unknown paper 'foodlm'"):
        find_paper("foodlm")
    with pytest.raises(UnknownName) as wrong:
        find_table("recipe/1")
    assert "recipes/1" in wrong.value.hint


HEAD = '[paper]\nid = "p"\ntitle = "t"\nsource = "s"\nurl = ""\n[[tables]]\nid = "1"\nlabel = "Table 1"\ntitle = "x"\n'
COLUMNS = "paper,table,block,group,row,span,column,task,metric,protocol,items,value,unit,note\n"


@pytest.mark.parametrize(
    ("numbers", "facts"),
    [
        ("paper,table\np,1\n", HEAD),
        (COLUMNS + "p,1,b,,r,,c,,count,,,many,,\n", HEAD),
        (COLUMNS + "p,1,b,,r,,c,,count,,,1\n", HEAD),
        (COLUMNS, "[paper"),
        (COLUMNS, '[paper]\nid = "p"\n'),
        (COLUMNS, HEAD + '[[checks]]\nrule = "mean"\nseverity = "odd"\nbecause = ""\n'),
        (COLUMNS, HEAD + '[[minds]]\ntext = "no cells"\n'),
    ],
)
def test_damaged_data_are_refused(numbers: str, facts: str) -> None:
    with pytest.raises(DataCorrupt):
        parse(numbers, facts)


def test_a_selector_that_chooses_nothing_is_refused() -> None:
    with pytest.raises(DataCorrupt, match="has no cells"):
        load("foodlmm").select({"table": "99"})
    with pytest.raises(DataCorrupt, match="no field 'colour'"):
        load("foodlmm").select({"colour": "red"})
