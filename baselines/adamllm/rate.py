"""Quality of tasks, from the command line: draw items, have them rated by people or a judge, report.

python -m baselines.adamllm.rate draw --pairs FILE --synthesis DIR --filter DIR --out DIR    page.html, items.jsonl
python -m baselines.adamllm.rate judge --items FILE --out DIR --model endpoint:NAME
python -m baselines.adamllm.rate report --items FILE --out DIR [--csv FILE ...] [--judged FILE ...]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from baselines.adamllm import asking, conversations, intake, synthesise
from baselines.adamllm.ledger import Ledger
from baselines.adamllm.prepare import model_arguments, pairs_of, read_verdicts, shown, tasks_of
from baselines.adamllm.quality import (
    Item,
    Rating,
    draw_items,
    item_dict,
    item_from_dict,
    report,
    report_text,
    task_item,
    triplet_item,
)
from baselines.adamllm.quality_judging import rate_by_model
from baselines.adamllm.rating_page import read_csv, write_page
from baselines.adamllm.records import write_lines
from baselines.common.command import command
from foodbench.core.errors import DataCorrupt
from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.core.wording import counted


def draw(options: argparse.Namespace) -> None:
    """Draw items of each source and write the page."""
    pairs = pairs_of(options)
    images = {pair.pair_id: pair.image for pair in pairs}
    captions = {pair.pair_id: pair.caption for pair in pairs}
    ours, _ = tasks_of(options, pairs, conversations.PAPER)
    rules = conversations.rule_tasks(pairs)
    items = [
        task_item(source, name, images[name], task.question, task.response, captions[name])
        for source, tasks in (("ours", ours), ("rule", rules))
        for name, task in tasks.items()
        if name in images
    ]
    triplets, _ = synthesise.read_triplets(options.synthesis / synthesise.TRIPLETS)
    verdicts = {} if options.filter is None else read_verdicts(options.filter / "verdicts.jsonl")
    for name, triplet in triplets.items():
        if name in images:
            items.append(triplet_item("triplets.all", name, images[name], triplet, captions[name]))
            if name in verdicts and verdicts[name].verdict == "consistent":
                items.append(triplet_item("triplets.kept", name, images[name], triplet, captions[name]))
    drawn = draw_items(items, options.per_source, options.seed)
    write_page(options.out / "page.html", drawn)
    write_lines(options.out / "items.jsonl", map(item_dict, drawn))
    sys.stderr.write(f"{counted(len(drawn), 'item')} in {options.out / 'page.html'}\n")


def read_items(path: Path) -> list[Item]:
    """The items that `draw` wrote.

    Raises:
        DataMissing: no such file.
        DataCorrupt: it is damaged.
    """
    try:
        return [item_from_dict(plain or {}) for _, plain in intake.numbered_objects(path)]
    except (KeyError, TypeError, ValueError) as error:
        raise DataCorrupt(f"{path} is no list of items.", hint="Draw them again with `draw`.") from error


def judge(options: argparse.Namespace) -> None:
    """Have a served model rate the items."""
    items = read_items(options.items)
    with Ledger.opened(options.out / "judge_replies.jsonl") as ledger:
        asker = asking.load_served(options.model, model_arguments(options.model_args), ledger, {})
        ratings, unread, _ = shown("rating", lambda tell: rate_by_model(items, asker, ledger, on_progress=tell))
    rows = ({"item": one.item_id, "rater": one.rater, "choices": dict(one.choices)} for one in ratings)
    write_lines(options.out / "judged.jsonl", rows)
    write_lines(options.out / "unread.jsonl", (one.as_dict() for one in unread))
    sys.stderr.write(f"{counted(len(ratings), 'rating')}, {len(unread)} unread\n")


def write_report(options: argparse.Namespace) -> None:
    """Put all ratings together."""
    items = read_items(options.items)
    ratings: list[Rating] = [rating for path in options.csv for rating in read_csv(path, items)]
    for path in options.judged:
        for where, plain in intake.numbered_objects(path):
            try:
                ratings.append(Rating(plain["item"], plain["rater"], dict(plain["choices"])) if plain else _bad(where))
            except (KeyError, TypeError, ValueError) as error:
                raise DataCorrupt(f"{path}, {where}: no rating.", hint="Make the file again with `judge`.") from error
    found = report(items, ratings)
    atomic_write_json(options.out / "quality.json", found)
    atomic_write(options.out / "quality.md", report_text(found))
    sys.stdout.write(report_text(found))


def _bad(where: str) -> Rating:
    raise ValueError(where)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m baselines.adamllm.rate", description="Quality of tasks.")
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], *, items: bool = True) -> Any:
        made = commands.add_parser(name, help=run.__doc__)
        made.set_defaults(run=run)
        made.add_argument("--out", type=Path, required=True)
        if items:
            made.add_argument("--items", type=Path, required=True)
        return made

    made = command("draw", draw, items=False)
    made.add_argument("--pairs", type=Path, required=True)
    made.add_argument("--images", type=Path)
    made.add_argument("--trust-images", action="store_true")
    made.add_argument("--synthesis", type=Path, required=True)
    made.add_argument("--filter", type=Path)
    made.add_argument("--per-source", type=int, default=200)
    made.add_argument("--seed", type=int, default=0)
    made = command("judge", judge)
    made.add_argument("--model", required=True, help="endpoint:NAME")
    made.add_argument("--model-args", default="")
    made = command("report", write_report)
    made.add_argument("--csv", type=Path, nargs="*", default=[])
    made.add_argument("--judged", type=Path, nargs="*", default=[])
    return parser


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    options = _parser().parse_args(argv)
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
