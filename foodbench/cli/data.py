"""`foodbench data`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foodbench.cli.data_duplicates import duplicates
from foodbench.cli.data_health import doctor, known_bad
from foodbench.cli.fields import print_fields
from foodbench.cli.options import key_values
from foodbench.cli.stages import stage_bars
from foodbench.cli.tables import print_table
from foodbench.core.errors import DataMissing, ExitCode, UsageError
from foodbench.core.wording import counted

if TYPE_CHECKING:
    from foodbench.data.roots import DatasetChoice

_SHOWN_STATUS = {"failed": "FAILED"}


@click.group("data")
def command() -> None:
    """Register, verify and make datasets."""


for _other in (doctor, known_bad, duplicates):
    command.add_command(_other)


def _print_json(kind: str, value: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema": f"foodbench.data.{kind}/1", **value}, indent=2, ensure_ascii=False))


@command.command("add", short_help="Register the real copy of a dataset.")
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--allow-partial", is_flag=True, help="Accept a copy with missing files; results then say so.")
@click.option(
    "--option",
    "options",
    multiple=True,
    callback=key_values,
    metavar="K=V",
    help="Of the reader, e.g. view=any (nutrition5k).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(name: str, path: Path, allow_partial: bool, options: dict[str, str], as_json: bool) -> None:
    """Register the real copy of dataset NAME in the folder PATH; runs then use it instead of the kitchen.

    PATH is the official layout (`foodbench data info NAME`). For food101 and foodseg103 it may also be a Hugging Face
    copy: what save_to_disk wrote of ethz/food101 or EduardoPacheco/FoodSeg103, or their downloaded snapshot.

    Exit codes: 0 registered; 2 no such dataset; 5 the folder is not that dataset, or is incomplete.
    """
    from foodbench.cli.stages import stage_bars
    from foodbench.data.doctor import split_states
    from foodbench.data.roots import add_root, open_dataset, resolve

    with stage_bars() as progress:
        registered = add_root(name, path, allow_partial, options, progress=progress)
    reader = open_dataset(resolve(name, "real"))
    states, about = split_states(reader), tuple(getattr(reader, "about_copy", ()))
    if as_json:
        rows = [{"split": one.split, "usable": one.usable, "missing": one.missing} for one in states]
        found = {"dataset": name, "root": str(registered.root), "splits": rows, "about_copy": list(about)}
        _print_json("add", found)
        return
    click.echo(f"{name}: registered {registered.root}")
    print_table(
        ("split", "usable", "missing"),
        [(one.split, f"{one.usable:,}", f"{one.missing:,}") for one in states],
        right=(1, 2),
    )
    for fact in about:
        click.echo(fact)
    click.echo(f"Check it thoroughly with: foodbench data verify {name} --level decode", err=True)


@command.command("remove", short_help="Forget a registered copy.")
@click.argument("name")
def remove(name: str) -> None:
    """Forget the registered copy of dataset NAME. Its files stay where they are."""
    from foodbench.data.roots import remove_root

    removed = remove_root(name)
    click.echo(f"{name}: {removed.root} is no longer registered; its files are untouched")


@command.command("status", short_help="List datasets: what is here, what a run would use.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """List all datasets: what is on this machine, and which edition a run would use."""
    from foodbench.cli.editions import dataset_status
    from foodbench.data.catalog import CATALOG

    found = [dataset_status(name) for name in CATALOG.names()]
    if as_json:
        _print_json("status", {"datasets": found})
        return
    print_table(
        ("dataset", "real copy", "kitchen", "a run uses", "licence"),
        [
            (item["dataset"], _real_text(item), _kitchen_text(item), item["edition_used"] or "–", item["licence"])
            for item in found
        ],
    )
    for item in found:
        if item["real"] is not None:
            click.echo(f"{item['dataset']}: {item['used']}")
    click.echo("How to get a dataset: foodbench data info NAME")


def _real_text(item: dict[str, Any]) -> str:
    real = item["real"]
    if not item["readable"]:
        return "no reader yet"
    if real is None:
        return "not registered"
    if real["problem"]:
        return "PROBLEM"
    from foodbench.cli.editions import lacking

    missing = lacking(real)
    return f"partial, {missing:,} missing" if missing else "complete"


def _kitchen_text(item: dict[str, Any]) -> str:
    if item["kitchen"] is None:
        return "–"
    return "made" if item["kitchen"]["made"] else "on demand"


@command.command("info", short_help="Print a dataset's card: licence, how to get it, ...")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, as_json: bool) -> None:
    """Print the card of dataset NAME: licence, source, how to get it, layout, checksums, citation."""
    from foodbench.cli.editions import dataset_status
    from foodbench.data.catalog import CATALOG

    card = CATALOG.get(name)
    state = dataset_status(name)
    if as_json:
        _print_json("info", {"card": asdict(card), "status": state})
        return
    click.echo(f"{card.title} ({name})\n")
    print_fields(
        [
            ("licence", card.licence),
            ("terms", card.terms),
            ("source", card.source),
            ("download", card.download_size),
            ("how to get", "\n".join(f"{number}. {step}" for number, step in enumerate(card.how_to_get, start=1))),
            ("layout", card.layout.rstrip("\n")),
            ("splits", "\n".join(f"{split}: {count:,}" for split, count in card.splits.items())),
            ("counts", "\n".join(f"{kind}: {count:,}" for kind, count in card.counts.items())),
            ("sha256", "\n".join(_checksum_text(item) for item in (*card.archives, *card.checksums))),
            (
                "id lists",
                "\n".join(
                    f"{item.sha256}  {split}, {counted(item.count, 'id')}" for split, item in card.id_sets.items()
                ),
            ),
            ("facts", "\n".join(f"- {fact}" for fact in card.facts)),
            ("used by", "\n".join(f"- {use}" for use in card.used_by)),
            ("cite", card.citation),
            ("used now", state["used"]),
        ]
    )


def _checksum_text(item: Any) -> str:
    size = "" if item.size is None else f", {counted(item.size, 'byte')}"
    return f"{item.sha256}  {item.path}{size}{' (of a third party)' if item.warn_only else ''}"


@command.command("verify", short_help="Check a copy of a dataset.")
@click.argument("what")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "--level",
    type=click.Choice(["layout", "counts", "ids", "hashes", "decode"]),
    default="hashes",
    show_default=True,
    help="How deep to look; each level includes those before it. decode opens every picture.",
)
@click.option("--edition", type=click.Choice(["real", "kitchen"]), help="Default: what a run would use.")
@click.option("--allow-partial", is_flag=True, help="Missing files are warnings.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_command(what: str, path: Path | None, level: Any, edition: Any, allow_partial: bool, as_json: bool) -> int:
    """Check the copy of dataset WHAT, or the folder WHAT whatever dataset it is, or the folder PATH as dataset WHAT.

    Exit codes: 0 nothing failed (there may be warnings); 2 wrong usage; 5 a check failed or there is no such copy.
    """
    from foodbench.data.verify import verify

    choice = _to_verify(what, path, edition, allow_partial)
    click.echo(f"{choice.name} ({choice.edition} edition) in {choice.root}", err=True)
    with stage_bars() as report:
        outcome = verify(choice, level, report)
    if as_json:
        _print_json("verify", {"edition": choice.edition, "level": level, **outcome.as_dict()})
    else:
        print_table(
            ("check", "level", "", "found"),
            [
                (check.name, check.level, _SHOWN_STATUS.get(check.status, check.status), check.message)
                for check in outcome.checks
            ],
        )
        failed, warnings = len(outcome.with_status("failed")), len(outcome.with_status("warning"))
        click.echo(f"{failed} failed, {counted(warnings, 'warning')}, {counted(len(outcome.checks), 'check')}")
    return int(ExitCode.OK if outcome.ok else ExitCode.DATA)


def _to_verify(what: str, path: Path | None, edition: Any, allow_partial: bool) -> DatasetChoice:
    from foodbench.data.catalog import CATALOG
    from foodbench.data.layout import is_synthetic
    from foodbench.data.roots import DatasetChoice, require_readable, resolve

    if path is None and (what in CATALOG or not (Path(what).exists() or Path(what).name != what)):
        return resolve(what, edition, allow_partial=allow_partial)
    root = Path(what if path is None else path).expanduser().absolute()
    name = _recognise(root) if path is None else what
    require_readable(name)
    return DatasetChoice(name, edition or ("kitchen" if is_synthetic(root) else "real"), root, allow_partial)


def _recognise(root: Path) -> str:
    """Which dataset a folder is.

    Raises:
        DataMissing: it has the layout of none.
    """
    from foodbench.data.hub_mirrors import mirror_of
    from foodbench.data.inspection import INSPECTORS
    from foodbench.data.layout import absent_paths

    for name in INSPECTORS.names():
        if not absent_paths(root, INSPECTORS.get(name).required):
            return name
    mirrored = mirror_of(root)
    if mirrored is not None:
        return mirrored
    raise DataMissing(
        f"{root} has the layout of no dataset that foodbench can read.",
        hint="Name the dataset, to hear what is missing: foodbench data verify NAME PATH",
    )


@command.group("make")
def make_group() -> None:
    """Make synthetic datasets."""


@make_group.command("kitchen")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other plates.")
@click.option("--size", type=int, default=224, show_default=True, help="Shorter side of the photos in pixels.")
@click.option("--train", type=int, default=300, show_default=True, help="Training pictures per dataset.")
@click.option("--test", type=int, default=200, show_default=True, help="Test pictures per dataset.")
@click.option(
    "--difficulty",
    default="standard",
    show_default=True,
    metavar="NAME|K=V,...",
    help="easy, hard, occlusion, dark, cluttered, plateless, crowded, empty; or e.g. occlusion=0.6,ingredients=3-6.",
)
@click.option("--out", "-o", type=click.Path(path_type=Path, file_okay=False), help="[default: in FOODBENCH_HOME]")
@click.option("--replace", "replace_other", is_flag=True, help="Replace another kitchen in the folder --out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def make_kitchen(
    seed: int,
    size: int,
    train: int,
    test: int,
    difficulty: str,
    out: Path | None,
    replace_other: bool,
    as_json: bool,
) -> None:
    """Cook the kitchen: plates with exact masks and nutrition, in the layouts of the real datasets.

    With the default numbers and no --out this is the edition that runs use where no real copy is registered (they make
    it themselves when they first need it). The same numbers always give the same files.

    A difficulty other than the standard is an edition of its own: results on two difficulties never compare. A folder
    --out that holds a kitchen made from other numbers is left alone, except with --replace.

    Exit codes: 0 made; 2 wrong usage, or the folder holds another kitchen; 4 the disk is full.
    """
    from foodbench.core.paths import home
    from foodbench.data.kitchen import DATASETS, KitchenSettings, ensure, make, parse_difficulty
    from foodbench.data.kitchen.editions import refuse_other_kitchen

    settings = KitchenSettings(seed, size, train, test, parse_difficulty(difficulty))
    if out is None and replace_other:
        raise UsageError(
            "--replace goes with --out: in FOODBENCH_HOME each kitchen has a folder of its own.",
            hint="Leave it out, or name a folder with --out.",
        )
    if out is not None and not replace_other:
        refuse_other_kitchen(out, settings)
    made: dict[str, Path] = {}
    with stage_bars() as report:
        for name in DATASETS:

            def progress(done: int, total: int, stage: str = f"{name} (kitchen)") -> None:
                report(stage, done, total)

            if out is None:
                made[name] = ensure(home(), name, settings=settings, progress=progress)
            else:
                made[name] = make(
                    out, seed=seed, size=size, train=train, test=test, difficulty=settings.difficulty,
                    datasets=(name,), replace_other=True, progress=progress,
                )[name]  # fmt: skip
    default = out is None and settings == KitchenSettings()
    if as_json:
        roots = {name: str(root) for name, root in made.items()}
        plain = {**asdict(settings), "difficulty": settings.difficulty.as_dict()}
        _print_json("make", {"roots": roots, "settings": plain, "default_edition": default})
        return
    print_table(("dataset", "folder"), [(name, str(root)) for name, root in made.items()])
    _say_how_to_use(next(iter(made.values())), default=default)


def _say_how_to_use(root: Path, *, default: bool) -> None:
    click.echo(f"Check it with: foodbench data verify {root} --level decode", err=True)
    if default:
        click.echo("Runs use it where no real copy is registered; --edition kitchen always does.", err=True)
    else:
        click.echo(f"Run on it with: FOODBENCH_KITCHEN={root.parent} foodbench run --edition kitchen ...", err=True)
