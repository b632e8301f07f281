"""`foodbench data duplicates`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from foodbench.cli.stages import stage_bars
from foodbench.cli.tables import print_table
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.data.duplicates import Comparison

_SHOWN = 20


@click.command("duplicates", short_help="Find test items that are almost also in the training split.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--edition", type=click.Choice(["real", "kitchen"]), help="Default: what a run would use.")
@click.option("--allow-partial", is_flag=True, help="Go on with the files that are there.")
@click.option(
    "--by",
    "rules",
    multiple=True,
    type=click.Choice(["pictures", "texts", "scans"]),
    help="Only this rule; repeatable. Default: all that fit the dataset.",
)
@click.option("--across", is_flag=True, help="Compare also with the training pictures of the other named datasets.")
@click.option(
    "--distance", type=click.IntRange(0, 64), default=8, show_default=True, help="Bits in which two hashes may differ."
)
@click.option(
    "--similarity",
    type=click.FloatRange(-1, 1),
    default=0.9,
    show_default=True,
    help="Least correlation of two thumbnails.",
)
@click.option(
    "--seconds",
    type=click.IntRange(min=0),
    default=120,
    show_default=True,
    help="Between two scans of a dish (nutrition5k).",
)
@click.option("--limit", type=click.IntRange(min=0), help=f"Show at most so many pairs. [default: {_SHOWN}; JSON: all]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def duplicates(
    names: tuple[str, ...],
    edition: Any,
    allow_partial: bool,
    rules: tuple[str, ...],
    across: bool,
    distance: int,
    similarity: float,
    seconds: int,
    limit: int | None,
    as_json: bool,
) -> None:
    """Compare the test split of each dataset NAME with its training split.

    Pictures: those that look alike. Recipe texts (recipe1m): those with the same words. Scans (nutrition5k): dishes
    with the same ingredients and almost the same totals, put under the camera shortly after each other.
    """
    from foodbench.data.duplicates import RULES, Settings, compare_splits, links_of
    from foodbench.data.roots import resolve

    wanted = list(dict.fromkeys(names))
    settings = Settings(distance=distance, similarity=similarity, seconds=seconds)
    with stage_bars() as report:
        choices = [resolve(name, edition, allow_partial, progress=report) for name in wanted]
        for choice in choices:
            click.echo(f"{choice.name} ({choice.edition} edition) in {choice.root}", err=True)
        found = compare_splits(choices, rules=rules or RULES, settings=settings, across=across, progress=report)
    links = links_of(wanted)
    if as_json:
        plain = {
            "schema": "foodbench.data.duplicates/1",
            "editions": {choice.name: choice.edition for choice in choices},
            "settings": {"distance": distance, "similarity": similarity, "seconds": seconds},
            "comparisons": [one.as_dict(limit) for one in found],
            "links": [{"dataset": link.dataset, "other": link.other, "fact": link.fact} for link in links],
        }
        click.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    for comparison in found:
        _print_comparison(comparison, _SHOWN if limit is None else limit)
    for link in links:
        click.echo(f"Known: {link.fact}")


def _print_comparison(found: Comparison, limit: int) -> None:
    title = f"{found.rule}, {found.test} against {found.train}"
    if found.problem:
        click.echo(f"{title}: not compared. {found.problem}")
        return
    share = len(found.test_ids) / found.test_count if found.test_count else 0.0
    click.echo(
        f"{title}: {len(found.test_ids):,} of {found.test_count:,} ({share:.1%}) with a near-duplicate among "
        f"{found.train_count:,}"
    )
    if found.unreadable:
        click.echo(f"Not compared, as they cannot be decoded: {len(found.unreadable):,}, {found.unreadable[0]} first")
    shown = found.duplicates[:limit]
    if shown:
        names = [name for name, _ in shown[0].measures]
        print_table(
            ("test", "train", *names),
            [(pair.test_id, pair.train_id, *(f"{value:g}" for _, value in pair.measures)) for pair in shown],
            right=range(2, 2 + len(names)),
        )
    if len(found.duplicates) > limit:
        click.echo(f"... {counted(len(found.duplicates) - limit, 'more pair')}: --limit or --json shows all")
