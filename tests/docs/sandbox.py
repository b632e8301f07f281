"""Where documented commands run: a small kitchen, small copies of the eight datasets, finished runs, a stub server.

Everything that a page merely names (RUN, PATH, /data/food-101, a server's address, a sample's id) stands for something
real in it.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foodbench.core.types import Answer, Sample
from foodbench.data.catalog import CATALOG
from foodbench.data.kitchen import FOLDERS, make
from foodbench.data.layout import MARKER
from foodbench.data.manifest import MANIFEST
from foodbench.runs.schema import TaskStatus
from foodbench.runs.store import RunFolder
from foodbench.tasks import TASKS
from tests.adapters.endpoint_server import Received, Response, completion
from tests.cli.stored_runs import finish_run, load_task, store_task
from tests.conftest import REPOSITORY
from tests.docs.commands import Command

TASKS_OF_RUNS = (
    "food101.dish", "nutrition5k.total", "foodseg103.refer1", "foodseg103.refer3", "foodseg103.semantic",
    "fooddialogues.chat", "recipe1m.recipe",
)  # fmt: skip
OFFICIAL_NAMES = {"vireo172": "write_vireo", "uecfoodpix": "write_uec"}
"""Datasets whose lists must be the official ones, and who writes them; of the others the kitchen's files will do."""
RUN, OTHER_RUN = "foodlmm-628e7ebd", "baseline-colour-653ab7d1"
_RUN_NAME = re.compile(r"[a-z]+(?:-[a-z]+)*-[0-9a-f]{8}")
_PLACES = re.compile(r"^(?:PATH|FOLDER|/data)(?:/.*)?$")
_ADDRESS = "http://127.0.0.1:8000/v1"


@dataclass(frozen=True, slots=True)
class World:
    """What all sandboxes share; nothing in it is written to.

    Attributes:
        kitchen: a folder for `FOODBENCH_KITCHEN`.
        data: folders that pass for real copies, by dataset.
        runs: a folder with two finished runs.
        home: a home in which every copy is registered.
    """

    kitchen: Path
    data: dict[str, Path]
    runs: Path
    home: Path


def make_kitchen(folder: Path) -> Path:
    """As few plates as a kitchen can have (of food101 one of each dish); with this seed one holds five things."""
    make(folder, seed=0, size=128, train=8, test=4, workers=1)
    return folder


def make_copies(folder: Path, kitchen: Path) -> dict[str, Path]:
    """Folders in the official layouts that do not say that the kitchen made them."""
    sys.path.append(str(REPOSITORY / "tests" / "data"))  # as pytest does for the tests there
    trees = importlib.import_module("vireo_uec_trees")
    copies = {}
    for name in CATALOG.names():
        copies[name] = folder / name / FOLDERS[name]
        if name in OFFICIAL_NAMES:
            getattr(trees, OFFICIAL_NAMES[name])(copies[name])
            continue
        shutil.copytree(kitchen / FOLDERS[name], copies[name], ignore=shutil.ignore_patterns(MARKER, MANIFEST))
    shutil.copytree(copies["vireo172"] / "ready_chinese_food", copies["vireo172"] / "ready_chinese_food_ori")
    _complete_recipes(copies["recipe1m"])
    _complete_dishes(copies["nutrition5k"])
    return copies


def _complete_recipes(root: Path) -> None:
    """Photos for the recipes that have none in the kitchen; any will do."""
    splits = {recipe["id"]: recipe["partition"] for recipe in json.loads((root / "layer1.json").read_text())}
    photo = next(root.glob("images/*/*/*/*/*/*.jpg"))
    for recipe in json.loads((root / "layer2.json").read_text()):
        for image in recipe["images"]:
            target = root.joinpath("images", splits[recipe["id"]], *image["id"][:4], image["id"])
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(photo, target)


def _complete_dishes(root: Path) -> None:
    """A frame from the side for the dishes that have no photo in the kitchen."""
    photo = next(root.glob("imagery/realsense_overhead/*/rgb.png"))
    for ids in root.glob("dish_ids/splits/rgb_*_ids.txt"):
        for dish in ids.read_text().split():
            frames = root / "imagery" / "side_angles" / dish / "frames"
            if not (root / "imagery" / "realsense_overhead" / dish / "rgb.png").exists():
                frames.mkdir(parents=True, exist_ok=True)
                shutil.copy(photo, frames / "camera_A_frame_001.jpeg")


def make_runs(folder: Path, kitchen: Path) -> Path:
    """Two finished runs of the same tasks: one right everywhere, one that says the same to everything."""
    for name, right in ((RUN, True), (OTHER_RUN, False)):
        run = RunFolder(folder / name)
        statuses = {}
        for task in TASKS_OF_RUNS:
            data = load_task(task, kitchen)
            store_task(run, data, _answering(data.task, right))
            versioned = data.task.versioned_name
            statuses[versioned] = TaskStatus(status="complete", result=f"{versioned}/result.json")
        finish_run(run, statuses)
    return folder


def _answering(task: Any, right: bool) -> Callable[[Sample], str]:
    return lambda sample: task.oracle(sample).to_text() if right else Answer(text="curry rice").to_text()


def respond(got: Received) -> Response:
    """The stub server: a judge's rating where one is asked for, otherwise a sentence about curry."""
    if got.body["messages"][0]["role"] == "system":
        return completion(json.dumps({"reason": "it says so", "rating": 7}))
    return completion("It is curry rice. Calories 400 kcal, weight 300 g, fat 10 g, carbohydrate 60 g, protein 15 g.")


class Sandbox:
    """The current folder of one command, made as the command needs it."""

    def __init__(self, world: World, folder: Path, server: str) -> None:
        self.world, self.folder, self.server = world, folder, server
        folder.mkdir(parents=True)
        for name in ("gate.toml", "constraints.txt"):
            shutil.copy(REPOSITORY / name, folder)
        for name in ("reports", "runs", "docs/images"):
            (folder / name).mkdir(parents=True)
        for run in world.runs.iterdir():
            shutil.copytree(run, folder / "runs" / run.name)
        shutil.copytree(REPOSITORY / "leaderboard", folder / "leaderboard", ignore=shutil.ignore_patterns("dist"))

    def arguments(self, command: Command) -> list[str]:
        """What to give to `foodbench`: the command's words with real things in the places of names."""
        self._provide_reports(command)
        words = [self._real(word, command) for word in command.words[1:]]
        for option, value in (("--sample", self._sample), ("--tasks", lambda _: "food101.dish")):
            if option in words and words[words.index(option) + 1] in ("TASKS", "00000306"):
                words[words.index(option) + 1] = value(words)
        return words

    def _sample(self, words: list[str]) -> str:
        task = words[words.index("--task") + 1]
        return load_task(task, self.world.kitchen).samples[0].sample_id

    def _real(self, word: str, command: Command) -> str:
        if _PLACES.match(word):
            return str(self.world.data[next(each for each in command.words if each in self.world.data)])
        for name in _RUN_NAME.findall(word):
            self._provide_run(name)
        word = word.replace(_ADDRESS, self.server).replace("=RUN", f"={RUN}")
        return _NAMES.get((command.words[1], word)) or _NAMES.get(("", word), word)

    def _provide_reports(self, command: Command) -> None:
        """Copies of the committed reports that a command names, or of all where it reads them all."""
        for report in (REPOSITORY / "reports").iterdir():
            if report.is_dir() and (report.name in command.text or command.words[1] == "leaderboard"):
                shutil.copytree(report, self.folder / "reports" / report.name, dirs_exist_ok=True)

    def _provide_run(self, name: str) -> None:
        """A finished run of that name."""
        if not (self.folder / "runs" / name).exists():
            shutil.copytree(self.world.runs / RUN, self.folder / "runs" / name)

    def write_predictions(self, task: str) -> None:
        """predictions.jsonl for a task: nothing is anywhere."""
        answer = {"text": "", "masks": []} if TASKS.get(task).answer_kind == "masks" else {"answer": "curry rice"}
        samples = load_task(task, self.world.kitchen).samples
        lines = [json.dumps({"sample_id": sample.sample_id, **answer}) for sample in samples]
        (self.folder / "predictions.jsonl").write_text("\n".join(lines))


_NAMES = {
    ("", "RUN"): RUN,
    ("", "$run"): RUN,
    ("", "A"): OTHER_RUN,
    ("", "B"): RUN,
    ("", "T"): "food101.dish",
    ("", "TASK"): "food101.dish",
    ("", "PAPER"): "foodlmm",
    ("", "FILE"): "written.txt",
    ("", "endpoint:NAME"): "endpoint:my-model",
    ("data", "NAME"): "food101",
    ("gate", "NAME"): "my-model",
    ("run", "my-model"): "baseline:majority",
    ("run", "MODEL"): "baseline:majority",
    ("data", "subset=/ids.txt"): "subset=ids.txt",
}
"""What stands for what, by verb and word; without a verb for all."""
