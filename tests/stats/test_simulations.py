"""The page on statistics shows the numbers that were simulated, and they can be simulated again."""

import json

import numpy as np
import pytest

from foodbench.stats.power import samples_needed
from tests.stats import simulations
from tests.stats.simulations import BEGIN, END, NUMBERS, PAGE, PICTURE, SETTINGS, draw, simulate, table

ROWS = json.loads(NUMBERS.read_text(encoding="utf-8"))


def test_the_table_of_the_page_is_made_of_the_numbers():
    page = PAGE.read_text(encoding="utf-8")
    assert page.split(BEGIN)[1].split(END)[0].strip() == table(ROWS)


def test_every_setting_was_simulated_with_every_loss():
    tried = [(setting.title, loss == 0) for setting in SETTINGS for loss in setting.losses]
    assert [(row["setting"], row["loss"] == 0) for row in ROWS] == tried
    assert [row["repeats"] for row in ROWS] == [simulations.REPEATS[none] for _, none in tried]
    for row in ROWS:
        assert sum(row[verdict] for verdict in simulations.JUDGED) == pytest.approx(100, abs=0.05)


def test_what_the_page_says_about_them():
    harmless = [row for row in ROWS if row["loss"] == 0]
    assert all(3 <= row["fail"] <= 6 for row in harmless)
    assert all(7.5 <= row["point"] <= 32.5 for row in harmless)
    binary = next(row for row in ROWS if row["setting"] == "binary" and row["loss"] == 3)
    assert (round(binary["fail"]), round(binary["unpaired"])) == (86, 5)


def test_the_table_of_samples_needed():
    page = PAGE.read_text(encoding="utf-8").splitlines()
    for share in (0.02, 0.06, 0.12, 0.20):
        line = next(line for line in page if line.startswith(f"| {share:.0%} (".replace("%", " %")))
        needed = [f"{samples_needed(margin, np.sqrt(share)):,}" for margin in (0.01, 0.02, 0.03, 0.05)]
        assert line.split(" | ")[1:] == [*needed[:3], f"{needed[3]} |"]


def test_a_setting_can_be_simulated_again(monkeypatch):
    monkeypatch.setattr(simulations, "REPEATS", {True: 4, False: 4})
    found = simulate(SETTINGS[0], 0.03)
    assert found.keys() == ROWS[0].keys()
    assert found["loss"] == 3
    assert simulate(SETTINGS[0], 0.03) == found


def test_the_picture_can_be_drawn():
    assert draw(ROWS).startswith(b"\x89PNG")
    assert PICTURE.read_bytes().startswith(b"\x89PNG")
