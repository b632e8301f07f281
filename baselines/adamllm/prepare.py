"""Everything between raw pairs and training samples, from the command line.

    python -m baselines.adamllm.prepare kitchen --out DATA            kitchen captions and seed examples
    python -m baselines.adamllm.prepare seed --examples FILE --out DIR    conversations to tune a synthesiser on
    python -m baselines.adamllm.prepare synthesise --pairs FILE --out DIR --model endpoint:NAME
    python -m baselines.adamllm.prepare filter --synthesis DIR --out DIR --judge endpoint:NAME
    python -m baselines.adamllm.prepare assemble --pairs FILE --synthesis DIR --filter DIR --out DIR
    python -m baselines.adamllm.prepare template --format llama3 --out FILE

Every command may be interrupted at any moment and run again: it goes on, and pays for nothing twice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from baselines.adamllm import asking, consistency, conversations, export, intake, seed, synthesise
from baselines.adamllm.chat import FORMATS, chat_format, serving_template
from baselines.adamllm.domain import load_domain
from baselines.adamllm.ledger import Ledger
from baselines.adamllm.records import Pair, write_lines
from baselines.adamllm.wire import WIRES, wire_named
from baselines.common.command import command
from baselines.common.yaml_file import load_yaml
from baselines.foodlmm.progress import Reporter
from foodbench.core.errors import UsageError
from foodbench.core.files import atomic_write, atomic_write_json
from foodbench.core.wording import counted

KITCHEN_RULES = "kitchen-rules"
LOCAL = "local"


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def pairs_of(options: argparse.Namespace) -> list[Pair]:
    """The usable pairs of `--pairs`; what is rejected is counted, and named beside the output."""
    found = intake.require_some(
        intake.read_pairs(options.pairs, options.images, check_images=not options.trust_images), options.pairs
    )
    _say(f"{options.pairs}: {json.dumps(found.counts())}")
    write_lines(options.out / "rejected_pairs.jsonl", (one.as_dict() for one in found.rejected))
    return found.kept


def model_arguments(text: str) -> dict[str, str]:
    """`key=value,...` as a dict.

    Raises:
        UsageError: a part without a `=`.
    """
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(not middle for _, middle, _ in parts):
        raise UsageError(f"'{text}' is no list of key=value.", hint="Example: base_url=http://localhost:8000/v1")
    return {key.strip(): value.strip() for key, _, value in parts}


def shown(name: str, ask: Callable[[Callable[[int, int], None]], Any]) -> Any:
    """What `ask` returns, with a bar while it works; `ask` gets what it has to tell its progress to."""
    with Reporter(every=100) as reporter:
        before: list[int] = []

        def advance(done: int, total: int) -> None:
            if not before:
                reporter.start(name, total, done)
            elif done > before[0]:
                reporter.advance(done - before[0])
            before[:] = [done]

        return ask(advance)


def kitchen(options: argparse.Namespace) -> None:
    """Write the kitchen's pairs and seed examples."""
    from baselines.adamllm.kitchen_data import recipe_pairs, render_seed_plates, seed_examples
    from foodbench.data.recipe1m import Recipe1M
    from foodbench.data.roots import resolve

    reader = Recipe1M(resolve("recipe1m", "kitchen").root)
    pairs, rejected = recipe_pairs(reader.records("train"), style=options.style, seed=options.seed)
    write_lines(options.out / "pairs.jsonl", (intake.pair_dict(pair, reader.root) for pair in pairs))
    write_lines(options.out / "rejected_pairs.jsonl", (one.as_dict() for one in rejected))
    folder = options.out / "seed_plates"
    plates = shown(
        "plates", lambda tell: render_seed_plates(folder, options.plates, size=options.size, on_progress=tell)
    )
    examples = seed_examples(plates, style=options.style, seed=options.seed)
    write_lines(options.out / "seed.jsonl", (intake.seed_dict(example, folder) for example in examples))
    atomic_write_json(options.out / "folders.json", {"pairs": str(reader.root), "seed": str(folder)})
    _say(f"{counted(len(pairs), 'pair')} (pictures: --images {reader.root}), {counted(len(examples), 'seed example')}")


def seed_data(options: argparse.Namespace) -> None:
    """Write the conversations that a synthesiser is tuned on."""
    found = intake.require_some(intake.read_seed(options.examples, options.images), options.examples)
    settings = seed.SeedSettings(wire_named(options.wire), options.blank_share, seed=options.seed)
    blank = seed.write_blank(options.out / "blank.png")
    train, dev = seed.split_seed(found.kept, dev_share=options.dev_share)
    counts: dict[str, Any] = found.counts()
    for name, part in (("train", train), ("dev", dev)):
        written = [seed.seed_conversation(example, blank, settings) for example in part]
        export.write_conversations(options.out / f"{name}.jsonl", written)
        counts[name] = {"samples": len(part), "blank": sum(seed.is_blank(example, settings) for example in part)}
    write_lines(options.out / "rejected_seed.jsonl", (one.as_dict() for one in found.rejected))
    atomic_write_json(options.out / "report.json", counts)
    _say(json.dumps(counts))


def run_synthesis(options: argparse.Namespace) -> None:
    """Ask for a task about every pair."""
    pairs, domain = pairs_of(options), load_domain(options.domain)
    settings = synthesise.SynthesisSettings(
        options.style,
        chat_format(options.format),
        wire_named(options.wire),
        options.match,
        options.max_new_tokens,
        options.seed,
    )
    arguments = model_arguments(options.model_args)
    with Ledger.opened(options.out / synthesise.REPLIES) as ledger:
        asker: asking.Asker
        head, _, checkpoint = options.model.partition(":")
        if head == LOCAL:
            from baselines.adamllm.local_synthesizer import load_local

            asker = load_local(checkpoint, settings.form, options.style, arguments)
        else:
            asker = asking.load_served(options.model, arguments, ledger, settings.server_extras())
        found = shown(
            "synthesis",
            lambda tell: synthesise.synthesise(pairs, asker, ledger, domain, settings, on_progress=tell),
        )
    synthesise.save(found, options.out)
    _say(json.dumps(found.report()))


def run_filter(options: argparse.Namespace) -> None:
    """Ask a judge about every triplet."""
    triplets, read = synthesise.read_triplets(options.synthesis / synthesise.TRIPLETS)
    write_lines(options.out / "rejected_triplets.jsonl", (one.as_dict() for one in read.rejected))
    domain = load_domain(options.domain)
    with Ledger.opened(options.out / consistency.REPLIES) as ledger:
        asker: asking.Asker
        if options.judge == KITCHEN_RULES:
            from baselines.adamllm.kitchen_judge import kitchen_judge

            asker = kitchen_judge()
        else:
            asker = asking.load_served(options.judge, model_arguments(options.judge_args), ledger, {})
        judged = shown(
            "consistency",
            lambda tell: consistency.judge_triplets(
                triplets, asker, ledger, domain, max_new_tokens=options.max_new_tokens, on_progress=tell
            ),
        )
    statistics = consistency.save(judged, triplets, options.out, asker.identity)
    _say(json.dumps(statistics["by_type"]["all"]))


def tasks_of(
    options: argparse.Namespace, pairs: Sequence[Pair], settings: conversations.AssemblySettings
) -> tuple[dict[str, conversations.TaskText], frozenset[str]]:
    """The tasks that `assemble` trains on, and the pairs whose triplet could not be read."""
    if options.synthesis is None:
        return conversations.rule_tasks(pairs, seed=settings.seed), frozenset()
    triplets, _ = synthesise.read_triplets(options.synthesis / synthesise.TRIPLETS)
    unread = frozenset(pair.pair_id for pair in pairs) - set(triplets)
    if options.filter is None:
        judgements = consistency.all_consistent(list(triplets))
    else:
        judgements = read_verdicts(options.filter / consistency.VERDICTS)
        behind = [name for name in triplets if name not in judgements]
        if behind:
            raise UsageError(
                f"{options.filter} has no verdict on {counted(len(behind), 'triplet')}, e.g. {behind[0]}.",
                hint="Run filter again: it asks for what is missing only.",
            )
    return conversations.synthetic_tasks(triplets, judgements, settings), unread


def read_verdicts(path: Path) -> dict[str, consistency.Judgement]:
    """Verdicts by id from a file that `filter` wrote.

    Raises:
        DataMissing: no such file.
    """
    found: dict[str, consistency.Judgement] = {}
    for _, plain in intake.numbered_objects(path):
        outcome = None if plain is None else plain.get("outcome")
        if plain is None or outcome not in consistency.OUTCOMES or not isinstance(plain.get("id"), str):
            continue
        verdict = outcome if outcome in ("consistent", "inconsistent", "open") else None
        found[plain["id"]] = consistency.Judgement(verdict, plain.get("problem"), outcome == "failed")
    return found


def assemble(options: argparse.Namespace) -> None:
    """Write training samples."""
    settings = conversations.PAPER
    if options.settings is not None:
        settings = load_yaml(
            options.settings, conversations.AssemblySettings, hint="See baselines/adamllm/conversations.py."
        )
    pairs = pairs_of(options)
    tasks, unread = tasks_of(options, pairs, settings)
    made = conversations.assemble(pairs, tasks, settings, unread=unread)
    for name, samples in made.stages.items():
        ordered = conversations.order_of_training(samples, settings.seed)
        export.write_conversations(options.out / f"{name}.jsonl", ordered)
        export.write_sharegpt(options.out / f"{name}.sharegpt.json", ordered, options.images or options.pairs.parent)
    atomic_write_json(options.out / "report.json", {"settings": settings.model_dump(), "counts": dict(made.counts)})
    _say(json.dumps(dict(made.counts)))


def template(options: argparse.Namespace) -> None:
    """Write the chat template that a tuned synthesiser is served with."""
    form = chat_format(options.format)
    atomic_write(options.out, serving_template(form if options.system is None else form.with_system(options.system)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m baselines.adamllm.prepare", description=(__doc__ or "")[:80])
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[[argparse.Namespace], None], *, pairs: bool = False) -> Any:
        made = commands.add_parser(name, help=run.__doc__)
        made.set_defaults(run=run)
        made.add_argument("--out", type=Path, required=True)
        made.add_argument("--seed", type=int, default=0)
        if pairs:
            made.add_argument("--pairs", type=Path, required=True)
            made.add_argument("--trust-images", action="store_true", help="do not decode every picture first")
        if pairs or name == "seed":
            made.add_argument("--images", type=Path, help="folder that pictures are named from")
        return made

    made = command("kitchen", kitchen)
    made.add_argument("--plates", type=int, default=600)
    made.add_argument("--size", type=int, default=224)
    made.add_argument("--style", choices=("plain", "wrapped"), default="wrapped")
    made = command("seed", seed_data)
    made.add_argument("--examples", type=Path, required=True)
    made.add_argument("--wire", choices=WIRES, default="own")
    made.add_argument("--blank-share", type=float, default=seed.BLANK_SHARE)
    made.add_argument("--dev-share", type=float, default=0.1)
    made = command("synthesise", run_synthesis, pairs=True)
    made.add_argument("--domain", default="food")
    made.add_argument("--model", required=True, help="endpoint:NAME, or local:CHECKPOINT (tuned)")
    made.add_argument("--model-args", default="")
    made.add_argument("--style", choices=("prompted", "tuned"), default="prompted")
    made.add_argument("--format", choices=FORMATS, default="llama3")
    made.add_argument("--wire", choices=WIRES, default="own")
    made.add_argument("--match", choices=("normalised", "exact"), default="normalised")
    made.add_argument("--max-new-tokens", type=int, default=512)
    made = command("filter", run_filter)
    made.add_argument("--synthesis", type=Path, required=True)
    made.add_argument("--domain", default="food")
    made.add_argument("--judge", required=True, help=f"endpoint:NAME, or {KITCHEN_RULES}")
    made.add_argument("--judge-args", default="")
    made.add_argument("--max-new-tokens", type=int, default=8)
    made = command("assemble", assemble, pairs=True)
    made.add_argument("--synthesis", type=Path, help="without it, tasks are written by rule")
    made.add_argument("--filter", type=Path, help="without it, every triplet is kept")
    made.add_argument("--settings", type=Path, help="YAML of conversations.AssemblySettings")
    made = command("template", template)
    made.add_argument("--format", choices=FORMATS, default="llama3")
    made.add_argument("--system", help="the system's words, if the checkpoint was trained with others")
    return parser


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    options = _parser().parse_args(argv)
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
