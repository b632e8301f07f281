"""Which dataset how often: mixtures of the two stages, of single tasks and for LISA, and the examples drawn from one.

Two readings of the paper are kept apart. `table_vi` is what the paper's Table VI says. `released` is what the released
code does with its own settings; it differs in stage 2, where its settings name other rates and every rate below 0.1 is
then raised by 0.1. In stage 1 the two agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from baselines.foodlmm.paper.examples import Architecture, Example, NothingToAsk, Pool
from baselines.foodlmm.paper.families.fooddialogues import dialogue_pool
from baselines.foodlmm.paper.families.foodreasonseg import reasoning_pool
from baselines.foodlmm.paper.families.names import food101_pool, vireo_pool
from baselines.foodlmm.paper.families.nutrition5k import ALL_KINDS, nutrition_pool
from baselines.foodlmm.paper.families.recipe1m import recipe_pool
from baselines.foodlmm.paper.families.segmentation import (
    ONE_TO_ONE,
    PUBLISHED,
    Rules,
    foodseg103_pool,
    uecfoodpix_pool,
)
from foodbench.core.errors import DataError, DataMissing, UnknownName, UsageError
from foodbench.core.hashing import stable_seed
from foodbench.data.roots import EDITIONS, StageProgress, open_dataset, resolve

POOLS: Mapping[str, Callable[[Any, Mixture], Pool]] = MappingProxyType(
    {
        "foodseg103": lambda reader, mixture: foodseg103_pool(reader, mixture.rules),
        "uecfoodpix": lambda reader, mixture: uecfoodpix_pool(reader, mixture.rules),
        "recipe1m": lambda reader, _: recipe_pool(reader),
        "nutrition5k": lambda reader, mixture: nutrition_pool(reader, mixture.nutrition_kinds),
        "vireo172": lambda reader, _: vireo_pool(reader),
        "food101": lambda reader, _: food101_pool(reader),
        "foodreasonseg": lambda reader, _: reasoning_pool(reader),
        "fooddialogues": lambda reader, _: dialogue_pool(reader),
    }
)
"""For each dataset: from its reader and the mixture to its training records."""

FLOOR = 0.1
"""A rate below this is raised by this, in the released code."""

SEGMENTATION = "sem_seg"
_SEGMENTATION_SHARES = {"foodseg103": 0.6, "uecfoodpix": 0.4}
"""How the released settings share out their rate `sem_seg`; Table VI's 15 and 10 % of stage 1 are the same."""

_DRAWS = 1000
"""Records that are tried where some have nothing to ask for; more would not help a dataset in which all these have."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Datasets and how often each is drawn.

    Attributes:
        name: of the mixture.
        rates: (dataset, rate) pairs; the rates sum up to 1.
        rules: of questions for masks.
        nutrition_kinds: the kinds of questions about nutrition, numbers of `nutrition5k.KINDS`, each as often.
    """

    name: str
    rates: tuple[tuple[str, float], ...]
    rules: Rules = PUBLISHED
    nutrition_kinds: tuple[int, ...] = ALL_KINDS

    @property
    def architecture(self) -> Architecture:
        """Which model its answers are written for."""
        return "lisa" if self.rules.one_to_one else "foodlmm"

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets in the order of their rates."""
        return tuple(dataset for dataset, _ in self.rates)

    def draw(self, rng: np.random.Generator) -> str:
        """A dataset at random."""
        return self.datasets[int(rng.choice(len(self.rates), p=[rate for _, rate in self.rates]))]


def shared_out(weights: Mapping[str, float]) -> dict[str, float]:
    """Weights as rates of the same proportions that sum up to 1, `sem_seg` as its two datasets."""
    total = sum(weights.values())
    rates: dict[str, float] = {}
    for name, weight in weights.items():
        parts = _SEGMENTATION_SHARES if name == SEGMENTATION else {name: 1.0}
        rates |= {dataset: weight / total * share for dataset, share in parts.items()}
    return rates


def with_floor(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights that the released code draws by: each rate below `FLOOR` is raised by `FLOOR`."""
    total = sum(weights.values())
    rates = {name: weight / total for name, weight in weights.items()}
    return {name: rate + FLOOR if rate < FLOOR else rate for name, rate in rates.items()}


# With 0.8 for no absent thing, most questions of that branch name none. In the released code the chance of none becomes
# 0 for good after the first question that must not have none, so that soon every question of the branch names some.
_RELEASED_RULES = replace(PUBLISHED, absent=(0.0, 0.1, 0.05, 0.05))

# Table VI, stage 1, in percent.
_STAGE1_TABLE = {"foodseg103": 15, "uecfoodpix": 10, "recipe1m": 37.5, "nutrition5k": 25, "vireo172": 12.5}
# The released settings of stage 1: sample_rates [2, 3, 2, 1] in the order in which the code builds the datasets.
_STAGE1_RELEASED = {SEGMENTATION: 2, "recipe1m": 3, "nutrition5k": 2, "vireo172": 1}
# Table VI, stage 2, in percent as printed: they sum up to 110 and are normalised here.
_STAGE2_TABLE = {
    "fooddialogues": 45,
    "foodreasonseg": 30,
    "recipe1m": 10,
    "nutrition5k": 10,
    "foodseg103": 6,
    "vireo172": 5,
    "uecfoodpix": 4,
}
# The released settings of stage 2: [6, 8, 2, 1, 5, 1] in the order in which the code builds the datasets (which is not
# the order that the comment beside them names).
_STAGE2_RELEASED = {
    "foodreasonseg": 6,
    "fooddialogues": 8,
    "recipe1m": 2,
    "nutrition5k": 1,
    "vireo172": 5,
    SEGMENTATION: 1,
}
# One task each. The paper says no more than that the models were trained on their task; both segmentation datasets are
# drawn as in stage 1. After stage 1 they make a "FoodLMM FT"; from LISA they can stand for a "single-task" of Table X.
_SINGLE_TASKS: Mapping[str, Mapping[str, float]] = {
    "finetune_refer": _SEGMENTATION_SHARES,
    "finetune_nutrition": {"nutrition5k": 1},
    "finetune_dish": {"food101": 1},
    "finetune_ingredients": {"vireo172": 1},
    "finetune_recipe": {"recipe1m": 1},
}
# Table X has two single-task models on Nutrition5k and does not say which questions they were trained with. Here they
# are those that each is measured by: for the totals alone (Q4), and for named ingredients (Q1, Q3).
_SINGLE_NUTRITION_KINDS = {"single_nutrition": (4,), "single_refer_nutrition": (1, 3)}


def _mixture(
    name: str, weights: Mapping[str, float], rules: Rules = PUBLISHED, kinds: tuple[int, ...] = ALL_KINDS
) -> Mixture:
    return Mixture(name, tuple(shared_out(weights).items()), rules, kinds)


MIXTURES: Mapping[str, Mixture] = MappingProxyType(
    {
        mixture.name: mixture
        for mixture in (
            _mixture("stage1.table_vi", _STAGE1_TABLE),
            _mixture("stage1.released", with_floor(_STAGE1_RELEASED), _RELEASED_RULES),
            _mixture("stage2.table_vi", _STAGE2_TABLE),
            _mixture("stage2.released", with_floor(_STAGE2_RELEASED), _RELEASED_RULES),
            *(_mixture(name, weights) for name, weights in _SINGLE_TASKS.items()),
            *(_mixture(name, {"nutrition5k": 1}, kinds=kinds) for name, kinds in _SINGLE_NUTRITION_KINDS.items()),
            _mixture("lisa_one_to_one", _SEGMENTATION_SHARES, ONE_TO_ONE),
        )
    }
)
"""All mixtures by name."""


class ExampleStream:
    """An endless sequence of examples: number i is a pure function of mixture, records, seed and i.

    So workers and processes need no state in common, and a resumed run goes on where it was.

    Attributes:
        mixture: what is drawn how often.
        pools: the training records of each of its datasets.
        seed: of the sequence.
    """

    def __init__(self, mixture: Mixture, pools: Mapping[str, Pool], seed: int) -> None:
        """Check that every dataset has records.

        Raises:
            DataMissing: one has none.
        """
        empty = [dataset for dataset in mixture.datasets if dataset not in pools or not len(pools[dataset])]
        if empty:
            raise DataMissing(
                f"The mixture {mixture.name} has no usable training records of {', '.join(empty)}.",
                hint="Register complete copies of these datasets, or choose another mixture.",
            )
        self.mixture, self.pools, self.seed = mixture, dict(pools), seed

    def _drawn(self, index: int) -> tuple[str, np.random.Generator]:
        rng = np.random.default_rng(stable_seed("foodlmm-paper", self.mixture.name, self.seed, index))
        return self.mixture.draw(rng), rng

    def dataset_at(self, index: int) -> str:
        """The dataset of example number `index`."""
        return self._drawn(index)[0]

    def example_at(self, index: int) -> Example:
        """Example number `index`: a dataset by its rate, then any of its records, then a question about it.

        Raises:
            DataMissing, DataCorrupt: the record cannot be used (the message names it), or no record has anything that
                the mixture could ask for.
        """
        dataset, rng = self._drawn(index)
        pool = self.pools[dataset]
        for _ in range(_DRAWS):
            position = int(rng.integers(len(pool)))
            try:
                return pool.example(position, rng)
            except NothingToAsk:
                continue
            except DataError as error:
                if dataset in error.message:
                    raise
                # Readers name the file; which of a run's datasets it belongs to is said here.
                raise type(error)(f"{dataset}, training record {position}: {error.message}", hint=error.hint) from error
        raise DataMissing(
            f"{dataset}: {_DRAWS} training records have nothing that the mixture {self.mixture.name} could ask for.",
            hint="Is the dataset annotated? `foodbench data verify` looks at all of it.",
        )


def mixture_named(name: str) -> Mixture:
    """A mixture by its name.

    Raises:
        UnknownName: there is none of that name.
    """
    if name not in MIXTURES:
        raise UnknownName.of("mixture", name, MIXTURES)
    return MIXTURES[name]


def open_stream(
    mixture: Mixture,
    seed: int,
    *,
    edition: str,
    allow_partial: bool = False,
    progress: StageProgress | None = None,
) -> ExampleStream:
    """Open the datasets of a mixture.

    Args:
        mixture: the mixture.
        seed: of the sequence.
        edition: `real` or `kitchen`, the same for all datasets: a model trained on both is no model of either.
        allow_partial: accept copies with missing files.
        progress: called as (stage, done, total) while datasets are rendered or indexed.

    Raises:
        UnknownName: no such edition.
        DataMissing, DataCorrupt: as the readers.
    """
    if edition not in EDITIONS:
        raise UnknownName.of("edition", edition, EDITIONS)
    pools: dict[str, Pool] = {}
    for dataset in mixture.datasets:
        choice = resolve(dataset, edition, allow_partial, progress=progress)
        pools[dataset] = POOLS[dataset](open_dataset(choice, progress=progress), mixture)
    return ExampleStream(mixture, pools, seed)


_SETTINGS: Sequence[tuple[str, type]] = (("mixture", str), ("edition", str), ("allow_partial", bool), ("seed", int))


def stream_from_settings(
    plain: Mapping[str, Any],
    seed: int,
    *,
    architecture: Architecture = "foodlmm",
    progress: StageProgress | None = None,
) -> ExampleStream:
    """The stream that a recipe's section `data` describes.

    Args:
        plain: `mixture` (a name of `MIXTURES`), and optionally `edition` (`real` if it is not given), `allow_partial`
            and `seed`.
        seed: where the section has none.
        architecture: of the model that is trained.
        progress: as for `open_stream`.

    Raises:
        UsageError: another key, a value of a wrong type, no mixture, or one for another architecture.
        UnknownName, DataMissing, DataCorrupt: as `open_stream`.
    """
    types = dict(_SETTINGS)
    for key, value in plain.items():
        if key not in types or type(value) is not types[key]:
            what = "is no setting" if key not in types else f"must be a {types[key].__name__}"
            raise UsageError(f"data.{key} {what}.", hint=f"Settings of data: {', '.join(types)}.")
    if "mixture" not in plain:
        raise UsageError("data.mixture is missing.", hint=f"Known mixtures: {', '.join(MIXTURES)}.")
    mixture = mixture_named(plain["mixture"])
    if mixture.architecture != architecture:
        fitting = [name for name, known in MIXTURES.items() if known.architecture == architecture]
        raise UsageError(
            f"The mixture {mixture.name} answers like a {mixture.architecture}; model.architecture is {architecture}.",
            hint=f"Mixtures for a {architecture}: {', '.join(fitting)}.",
        )
    return open_stream(
        mixture,
        plain.get("seed", seed),
        edition=plain.get("edition", "real"),
        allow_partial=plain.get("allow_partial", False),
        progress=progress,
    )
