"""AdaMLLM on the kitchen by one command: synthesise, filter, post-train, evaluate.

    python baselines/adamllm/pipeline.py --out runs/adamllm
    python baselines/adamllm/pipeline.py --out runs/adamllm --variants all
    python baselines/adamllm/pipeline.py --out runs/again --base runs/adamllm/base/checkpoint \
        --synthesizer runs/adamllm/synthesizer/checkpoint

The same command goes on with an interrupted run; what is done is not done again. A general model and a synthesiser are
trained first where none are given. Reports are in OUT/reports.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import baselines.common.trl_environment  # noqa: F401 - before torch is imported
from baselines.adamllm import consistency, synthesise
from baselines.adamllm.domain import load_domain
from baselines.adamllm.export import write_conversations
from baselines.adamllm.ledger import Ledger
from baselines.adamllm.prepare import shown
from baselines.adamllm.records import Pair, SeedExample, Triplet
from baselines.adamllm.train import is_finished, run
from baselines.adamllm.training_settings import HERE, TrainingSettings, What, load_training
from baselines.adamllm.variants import (
    Material,
    Variant,
    load_variant,
    samples_of_variant,
    variant_names,
    write_samples,
)
from baselines.common.command import command
from baselines.common.run_folder import place
from baselines.common.sections import Positive, Section
from baselines.common.yaml_file import load_yaml
from foodbench.core.errors import UsageError
from foodbench.core.files import atomic_write_json

BASE = "base"
SECONDS = "seconds.json"
DEFAULT = HERE / "kitchen" / "pipeline.yaml"


class PlateCounts(Section):
    """Rendered plates.

    Attributes:
        general: for the general model.
        seed: for the synthesiser.
        pairs: with captions, beside Recipe1M's 300 training recipes.
    """

    general: Positive
    seed: Positive
    pairs: Positive


class PipelineSettings(Section):
    """The whole pipeline.

    Attributes:
        pointing: the small pointing model that the general one begins with; a folder, relative to the repository.
        plates: what is learnt from.
        workers: processes that render.
        seed: of all draws.
        max_new_tokens: of what the synthesiser writes.
        batch_size: pictures that it is shown at once.
        variants: that are trained.
        tasks: that everything is measured on.
        limit: samples of each task; None: all.
        base, synthesizer, post_training: recipes; `kitchen` for the package's.
    """

    pointing: str
    plates: PlateCounts
    workers: Positive = 2
    seed: int = 0
    max_new_tokens: Positive = 160
    batch_size: Positive = 64
    variants: tuple[str, ...] = ("ours_single_stage",)
    tasks: str = "suite:adamllm"
    limit: Positive | None = None
    base: str = str(HERE / "kitchen" / "base.yaml")
    synthesizer: str = "kitchen"
    post_training: str = "kitchen"


class Pipeline:
    """The stages, each of which looks for what is done already.

    Args:
        settings: what to do.
        out: folder of everything.
        base: a general model that is there already.
        synthesizer: likewise a synthesiser, tuned with blank pictures.
    """

    def __init__(self, settings: PipelineSettings, out: Path, base: Path | None, synthesizer: Path | None) -> None:
        self.settings, self.out = settings, out
        self._base, self._synthesizer = base, synthesizer
        self._domain = load_domain("food")

    def _plates(self, name: str, count: int, kitchen: int) -> Any:
        from baselines.adamllm.kitchen_course import plates_of

        folder, workers = self.out / "plates", self.settings.workers
        return shown(
            f"{name} plates", lambda tell: plates_of(folder, count, kitchen, workers=workers, on_progress=tell)
        )

    @cached_property
    def pairs(self) -> list[Pair]:
        """Pictures with captions."""
        from baselines.adamllm.kitchen_course import PAIR_KITCHEN, domain_pairs

        with self._timed("plates"):
            plates = self._plates("caption", self.settings.plates.pairs, PAIR_KITCHEN)
        return domain_pairs(plates, seed=self.settings.seed)

    @cached_property
    def seeds(self) -> list[SeedExample]:
        """What a synthesiser is tuned on."""
        from baselines.adamllm.kitchen_course import SEED_KITCHEN
        from baselines.adamllm.kitchen_data import seed_examples

        with self._timed("plates"):
            plates = self._plates("seed", self.settings.plates.seed, SEED_KITCHEN)
        return seed_examples(plates, seed=self.settings.seed)

    @cached_property
    def base(self) -> Path:
        """The general model's checkpoint."""
        if self._base is not None:
            return self._base
        folder = self.out / BASE
        if not is_finished(folder):
            with self._timed(BASE):
                self._make_base(folder)
        return folder / "checkpoint"

    def _make_base(self, folder: Path) -> None:
        from baselines.adamllm.kitchen_course import GENERAL_KITCHEN, general_conversations
        from baselines.adamllm.kitchen_model import make_start

        start = self.out / "start"
        if not (start / "adamllm.json").is_file():  # written last
            make_start(Path(place(self.settings.pointing)), start, seed=self.settings.seed)
        plates = self._plates("general", self.settings.plates.general, GENERAL_KITCHEN)
        samples = self.out / "samples" / BASE
        write_conversations(samples / "single.jsonl", general_conversations(plates, seed=self.settings.seed))
        self._train(self.settings.base, "single_stage", samples, folder, start)

    def _train(self, recipe: str, what: What, samples: Path, folder: Path, start: Path) -> None:
        loaded: TrainingSettings = load_training(recipe, what)
        changes = {"start": str(start), "seed": self.settings.seed}
        run(loaded.model_copy(update=changes), what, samples, folder, resume=True)

    def synthesizer(self, *, blank: bool = True) -> Path:
        """The checkpoint of a synthesiser, tuned with or without blank pictures."""
        if blank and self._synthesizer is not None:
            return self._synthesizer
        name = "synthesizer" if blank else "synthesizer-without-blank"
        if not is_finished(self.out / name):
            with self._timed(name):
                samples = self._seed_samples(name, blank)
                self._train(self.settings.synthesizer, "synthesizer", samples, self.out / name, self.base)
        return self.out / name / "checkpoint"

    def _seed_samples(self, name: str, blank: bool) -> Path:
        from baselines.adamllm.seed import BLANK_SHARE, SeedSettings, seed_conversation, write_blank

        folder = self.out / "samples" / name
        settings = SeedSettings(blank_share=BLANK_SHARE if blank else 0.0, seed=self.settings.seed)
        white = write_blank(folder / "blank.png")
        write_conversations(folder / "train.jsonl", [seed_conversation(one, white, settings) for one in self.seeds])
        return folder

    def triplets(self, *, blank: bool = True) -> dict[str, Triplet]:
        """Synthetic tasks about the pairs."""
        from baselines.adamllm.kitchen_course import meals_of
        from baselines.adamllm.kitchen_data import true_accuracy
        from baselines.adamllm.local_synthesizer import local_synthesizer

        form = load_training(self.settings.synthesizer, "synthesizer").form.form
        asked = synthesise.SynthesisSettings("tuned", form, max_new_tokens=self.settings.max_new_tokens)
        asker = local_synthesizer(self.synthesizer(blank=blank), form, batch_size=self.settings.batch_size)
        folder = self.out / ("synthesis" if blank else "synthesis-without-blank")
        pairs = self.pairs
        with self._timed(folder.name), Ledger.opened(folder / synthesise.REPLIES) as ledger:
            found = shown(
                "synthesis",
                lambda tell: synthesise.synthesise(pairs, asker, ledger, self._domain, asked, on_progress=tell),
            )
        synthesise.save(found, folder)
        triplets = dict(found.triplets)
        atomic_write_json(folder / "accuracy.json", true_accuracy(triplets, meals_of(pairs)))
        return triplets

    def judged(self, triplets: dict[str, Triplet], name: str) -> dict[str, consistency.Judgement]:
        """The kitchen judge's verdicts, and how accurate what it keeps is."""
        from baselines.adamllm.kitchen_course import meals_of
        from baselines.adamllm.kitchen_data import true_accuracy
        from baselines.adamllm.kitchen_judge import kitchen_judge

        asker, folder = kitchen_judge(), self.out / name
        with self._timed(name), Ledger.opened(folder / consistency.REPLIES) as ledger:
            found = consistency.judge_triplets(triplets, asker, ledger, self._domain)
        consistency.save(found, triplets, folder, asker.identity)
        accuracy = true_accuracy(triplets, meals_of(self.pairs), found.accepted())
        atomic_write_json(folder / "accuracy.json", accuracy)
        return dict(found.judgements)

    def material(self, variant: Variant) -> Material:
        """What a variant is made of; nothing that it does not need."""
        from baselines.adamllm.kitchen_course import general_triplets

        triplets: dict[str, Triplet] = {}
        judgements: dict[str, consistency.Judgement] = {}
        general_pairs: list[Pair] = []
        general: dict[str, Triplet] = {}
        verdicts: dict[str, consistency.Judgement] = {}
        if variant.tasks == "synthetic":
            blank = variant.blank_images
            triplets = self.triplets(blank=blank)
            judgements = self.judged(triplets, "filter" if blank else "filter-without-blank")
        if variant.tasks == "general":
            general_pairs, general = general_triplets(self.seeds)
            verdicts = self.judged(general, "filter-general")
        return Material(self.pairs, triplets, judgements, general_pairs, general, verdicts)

    def train(self, name: str) -> Path:
        """The checkpoint of a variant."""
        folder, variant = self.out / "models" / name, load_variant(name)
        if not is_finished(folder):
            samples = self.out / "samples" / name
            made = samples_of_variant(variant, self.material(variant), self.settings.seed)
            write_samples(made, variant, self.settings.seed, samples)
            with self._timed(f"train {name}"):
                self._train(self.settings.post_training, variant.what, samples, folder, self.base)
        return folder / "checkpoint"

    def measure(self, name: str, checkpoint: Path) -> Path:
        """The report of a model on all tasks.

        Raises:
            UsageError: a task was not measured.
        """
        from baselines.adamllm.evaluating import measure

        report = self.out / "reports" / name
        with self._timed(f"measure {name}"):
            measure(checkpoint, self.settings.tasks, self.out / "measured", report, limit=self.settings.limit)
        return report

    def run(self) -> None:
        """All of it.

        Raises:
            FoodbenchError: a stage cannot be gone on with; those before it are safe.
        """
        self.measure(BASE, self.base)
        for name in self.settings.variants:
            self.measure(name, self.train(name))

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        """Add up the seconds of a stage over all interruptions."""
        began = time.monotonic()
        try:
            yield
        finally:
            path = self.out / SECONDS
            known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            known[name] = round(known.get(name, 0.0) + time.monotonic() - began, 1)
            atomic_write_json(path, known)


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of everything")
    parser.add_argument("--config", type=Path, default=DEFAULT, help="PipelineSettings as YAML")
    parser.add_argument("--base", type=Path, help="checkpoint of a general model; trained where none is given")
    parser.add_argument("--synthesizer", type=Path, help="checkpoint of a synthesiser; tuned where none is given")
    parser.add_argument("--variants", help=f"all, or a list of: {', '.join(variant_names())}")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--limit", type=int, help="samples of each task, instead of the recipe's")
    return parser.parse_args(argv)


def settings_of(options: argparse.Namespace) -> PipelineSettings:
    """The recipe with what the command line changes in it.

    Raises:
        DataMissing, UsageError: there is no such recipe, or it is not valid; or no such variant.
    """
    settings = load_yaml(options.config, PipelineSettings, hint="See baselines/adamllm/pipeline.py.")
    changes: dict[str, Any] = {"seed": options.seed, "limit": options.limit}
    if options.variants is not None:
        named = variant_names() if options.variants == "all" else options.variants.split(",")
        changes["variants"] = tuple(name.strip() for name in named if name.strip())
    settings = settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
    for name in settings.variants:
        load_variant(name)
    for folder in filter(None, (options.base, options.synthesizer)):
        if not folder.is_dir():
            raise UsageError(f"There is no checkpoint {folder}.", hint="Leave it out to have one trained.")
    return settings


@command
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    options = arguments_of(argv)
    Pipeline(settings_of(options), options.out, options.base, options.synthesizer).run()


if __name__ == "__main__":
    sys.exit(main())
