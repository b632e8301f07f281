"""Every command in the documentation works, or at least is one.

A `foodbench` command is run in a sandbox with small data, unless `ONLY_READ` says why it is only read; then its
options, models, tasks and datasets must exist. So a new command is run without anybody listing it. Commands of other
programs are read by their own parsers. A command that no rule fits fails.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import click
import pytest

from foodbench.cli.main import run_command
from foodbench.data.catalog import READERS
from tests.conftest import REPOSITORY
from tests.docs import dry
from tests.docs.commands import FOREIGN, Command, commands_of, documented
from tests.docs.examples import blocks
from tests.docs.sandbox import Sandbox

COMMANDS = list({each.words: each for each in sorted(documented(), key=lambda each: not each.inline)}.values())
"""Each once; one that stands in a block and in a sentence as that of the block."""
OURS = [command for command in COMMANDS if command.words[0] == "foodbench"]
OTHERS = [command for command in COMMANDS if command.words[0] != "foodbench"]

ONLY_READ: dict[str, str] = {
    r"--model lmms:qwen": "weights from the Hugging Face Hub, and a GPU",
    r"--model lisa\b": "LISA's weights, or a quarter of an hour of training; test_doc_examples.py runs a small one",
    r"checkpoint=runs/": "minutes to hours of training; test_doc_examples.py runs a copy of the included checkpoint",
    r"pretrained=foodlmm-chat": "FoodLMM's released weights; test_doc_examples.py converts and runs a small one",
    r"leaderboard serve": "serves until it is stopped; tests/site looks at what it serves",
    r"--baseline base/reports": "a work tree of another branch; the same command with reports is run",
}
"""Commands of foodbench that are not run, with the reason."""

LONG = re.compile(r"--model foodlmm(?!.*--tasks (?!all))|leaderboard (?:build|check)")
"""All tasks of a real model, or all reports: run by the slow tests, read by the others."""

EXPECTED = {"gate": {0, 1, 3}, "doctor": {0, 2}}
"""Exit codes of a command that works, other than 0: a verdict is a result too."""


def reason_to_read(command: Command) -> str:
    """Why a command is only read; empty if it is to be run."""
    if command.shortened:
        return "something is left out"
    if command.inline and len(command.words) <= 3 and _wants_more(command):
        return "names a command and does not say what to give it"
    return next((reason for pattern, reason in ONLY_READ.items() if re.search(pattern, command.text)), "")


def _wants_more(command: Command) -> bool:
    try:
        dry.read_foodbench(command.words[1:])
    except click.MissingParameter:
        return True
    return _verb_alone(command)


def _verb_alone(command: Command) -> bool:
    """Verbs of which click does not know that they require something: one thing or another."""
    return command.words[1:] in (("judge",), ("submit",), ("export",), ("table",))


RUN = [command for command in OURS if not reason_to_read(command)]
READ = [command for command in OURS if reason_to_read(command)]


@pytest.mark.parametrize("command", READ, ids=str)
def test_commands_that_are_only_read(command: Command, sandbox: Sandbox) -> None:
    whole = not command.inline and not command.shortened
    dry.read_foodbench(sandbox.arguments(command), whole=whole)


@pytest.mark.parametrize("command", [each for each in RUN if LONG.search(each.text)], ids=str)
def test_long_commands_are_read(command: Command, sandbox: Sandbox) -> None:
    dry.read_foodbench(sandbox.arguments(command))


@pytest.mark.slow
@pytest.mark.parametrize("command", [each for each in RUN if LONG.search(each.text)], ids=str)
def test_long_commands_run(command: Command, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, sandbox, capsys)


@pytest.mark.parametrize("command", [each for each in RUN if not LONG.search(each.text)], ids=str)
def test_commands_run(
    command: Command, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    if "real" in command.words or command.words[1:3] == ("data", "remove"):
        request.getfixturevalue("registered")
    run(command, sandbox, capsys)


def run(command: Command, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    """Run a command in a sandbox; it must end well and must not be a bug."""
    arguments = sandbox.arguments(command)
    prepare(arguments, sandbox)
    code = run_command([*arguments, *shortened(arguments)])
    printed = capsys.readouterr()
    assert code in EXPECTED.get(command.words[1], {0}), f"{command}\nexit code {code}\n{printed.err[-2000:]}"
    assert printed.out or code == 0


def shortened(arguments: list[str]) -> list[str]:
    """What is added so that a command takes seconds: fewer samples, fewer plates."""
    verb = arguments[0]
    if verb in ("run", "check") and "--limit" not in arguments:
        return ["--limit", "2"]
    if arguments[:3] == ["data", "make", "kitchen"]:
        return ["--train", "8", "--test", "4"]
    return []


def prepare(arguments: list[str], sandbox: Sandbox) -> None:
    """Write the files that a command reads."""
    if "predictions.jsonl" in arguments:
        sandbox.write_predictions(arguments[arguments.index("--task") + 1])
    if "subset=ids.txt" in arguments:
        recipes = READERS.get("recipe1m")(sandbox.world.data["recipe1m"])
        (sandbox.folder / "ids.txt").write_text("\n".join(recipes.ids("test")))
    if arguments == ["leaderboard", "check"]:
        assert run_command(["leaderboard", "build", "--no-pictures", "--quiet"]) == 0
    if arguments[0] == "submit":
        prepare_submission(arguments, sandbox)
    elif "card.yaml" in arguments:
        report = ["export", "reports/foodlmm-kitchen", "--to", "hf-eval-results", "--tasks", "food101.dish"]
        assert run_command([*report, "--out", "card.yaml"]) == 0
    if "sheet.csv" in arguments and "--import" in arguments:
        assert run_command(["judge", arguments[1], "--export", "sheet.csv"]) == 0
        fill(sandbox.folder / "sheet.csv")


def prepare_submission(arguments: list[str], sandbox: Sandbox) -> None:
    """The page's card and its stated numbers, a real run, and the submission that is checked."""
    card, numbers = blocks("docs/submitting.md", "yaml")
    (sandbox.folder / "card.yaml").write_text(card)
    (sandbox.folder / "numbers.yaml").write_text(numbers)
    if "--reported" in arguments:
        return
    assert run_command(["run", "--model", "baseline:majority", "--tasks", "food101.dish", "--quiet"]) == 0
    for place, word in enumerate(arguments):
        if word.startswith("leaderboard/submissions/"):
            assert run_command(["submit", "baseline-majority", "--card", "card.yaml"]) == 0
            (arguments[place],) = map(str, Path(word).parent.iterdir())


def fill(sheet: Path) -> None:
    """Rate every answer of a sheet."""
    with sheet.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    with sheet.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "rating": "7"} for row in rows)


def targets() -> set[str]:
    """What `make` can make."""
    return set(re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def read_other(words: tuple[str, ...]) -> None:
    """Read a command of another program, or of a script of this repository."""
    program, *rest = words
    if program == "make":
        assert set(rest) <= targets(), rest
    elif program == "lmms-eval":
        read_lmms_eval(rest)
    elif program == "torchrun":
        from torch.distributed.run import get_args_parser

        read = get_args_parser().parse_args(rest)
        assert (read.module, read.training_script) == (True, "foodbench")
        dry.read_foodbench(read.training_script_args)
    elif program == "accelerate":
        from accelerate.commands.launch import launch_command_parser

        read = launch_command_parser().parse_args(rest[1:])
        assert (REPOSITORY / read.config_file).is_file()
        read_python([read.training_script, *read.training_script_args])
    elif program in ("python", "python3"):
        read_python(rest)
    else:
        assert program in FOREIGN
        read_files(rest)


def read_python(words: list[str]) -> None:
    """Read `python SCRIPT ...` or `python -m MODULE ...`."""
    if words[:2] == ["-m", "pip"]:
        read_files(words[2:])
    elif words[0] == "-m":
        read_module(words[1], words[2:])
    elif words[0] == "-c":
        compile(words[1], "documentation", "exec")
    elif words[0] == "reports/collect.py":
        assert len(words) == 3  # it takes two folders and has no options
    else:
        read_files(words[1:])
        dry.read_script(REPOSITORY / words[0], words[1:])


def read_module(module: str, words: list[str]) -> None:
    """Read `python -m MODULE ...`."""
    from importlib.util import find_spec

    assert find_spec(module) is not None
    if words and module != "venv":
        dry.read_script(Path(module), words, module=module)


def read_lmms_eval(words: list[str]) -> None:
    """Read an `lmms-eval` command: its options, and the models and tasks that it names."""
    from importlib.util import find_spec

    from lmms_eval.models import list_available_models

    from foodbench.engine.plugin import tasks_folder

    spec = find_spec("lmms_eval.__main__")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    if words == ["models"]:
        return
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert all(f'"{option}"' in source for option in given), given
    assert given["--model"] in [*list_available_models(include_aliases=True), "foodbench"]
    names = {path.stem for path in tasks_folder().glob("**/*.yaml")}
    texts = "\n".join(path.read_text() for path in tasks_folder().glob("**/*.yaml"))
    assert all(name in names or f"task: {name}\n" in texts for name in given["--tasks"].split(",")), given


def read_files(words: list[str]) -> None:
    """Files of this repository that a command names exist."""
    for word in words:
        if word.startswith(("baselines/", "constraints", "reports/")):
            assert (REPOSITORY / word).exists(), word


@pytest.mark.parametrize("command", OTHERS, ids=str)
def test_commands_of_other_programs_are_read(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    read_other(command.words)


def test_every_reason_is_needed() -> None:
    assert not [pattern for pattern in ONLY_READ if not any(re.search(pattern, each.text) for each in OURS)]


WRONG = """
```
foodbench run --model nonesuch --tasks food101.dish
foodbench run --model foodlmm --task food101.dish      said wrongly
foodbench list dishes
foodbench data verify food102
python baselines/foodlmm/train.py --speed 3
make tea
```
"""


def test_faults_are_found(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    found = list(commands_of("wrong.md", WRONG))
    assert len(found) == 6
    for command in found[:4]:
        with pytest.raises(AssertionError, match="exit code"):
            run(command, sandbox, capsys)
    for command in found[4:]:
        with pytest.raises((AssertionError, SystemExit)):
            read_other(command.words)
    with pytest.raises(AssertionError, match="what program"):
        list(commands_of("wrong.md", "```sh\nsudo rm\n```\n"))
