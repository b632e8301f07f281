"""From what a user types after `--model` to an adapter.

- `foodlmm`: the package's own model
- `baseline:majority`: a trivial baseline
- `endpoint:gpt-4o-mini`: a model behind an OpenAI-compatible server
- `py:package.module:Class`: a user's own class or function
- `NAME` or `NAME:rest`: an adapter of an installed plug-in (entry-point group `foodbench.adapters`)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from foodbench.adapters.arguments import convert_arguments, with_spec_argument
from foodbench.adapters.base import Adapter, describe_exception
from foodbench.core.errors import AdapterFailed, FoodbenchError, UnknownName, UsageError
from foodbench.core.registry import Registry

ENTRY_POINT_GROUP = "foodbench.adapters"

MODELS: Registry[Callable[..., Adapter]] = Registry("model", entry_point_group=ENTRY_POINT_GROUP)
"""Adapter classes by name; imported when asked for."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One line of `foodbench list models`.

    Attributes:
        name: what to write after `--model`.
        summary: what it is.
        answers: the kinds of task it answers, or `any`.
        needs: what it needs besides the package.
    """

    name: str
    summary: str
    answers: str
    needs: str = ""


_BUILT_IN: tuple[tuple[ModelInfo, str], ...] = (
    (
        ModelInfo("foodlmm", "LLaVA with a mask decoder and nutrition heads; a small trained one is included", "any"),
        "foodbench.adapters.foodlmm:FoodLMM",
    ),
    (
        ModelInfo("lisa", "the segmenting LLaVA that FoodLMM starts from: lisa:CHECKPOINT", "masks", "its weights"),
        "foodbench.adapters.foodlmm:LISA",
    ),
    (
        ModelInfo("qwen_seg", "Qwen2.5-VL that points, drawn by a segmenter; a small trained one is included", "masks"),
        "foodbench.adapters.qwen_seg:QwenSeg",
    ),
    (
        ModelInfo(
            "recipe_grounded",
            "predicts actions and ingredients, and a third model writes; small trained ones are included",
            "text, labels",
        ),
        "foodbench.adapters.recipe_grounded:RecipeGrounded",
    ),
    (
        ModelInfo(
            "recipe_part",
            "one part of it by itself, or any Qwen2.5-VL or LLaVA that answers in words: recipe_part:CHECKPOINT",
            "text, label, labels",
        ),
        "foodbench.adapters.recipe_part:RecipePart",
    ),
    (
        ModelInfo(
            "adamllm",
            "AdaMLLM's models: adamllm:food-qwen2-vl-2b, a folder, or the small trained one",
            "text, label, labels",
        ),
        "foodbench.adapters.adamllm:AdaMLLM",
    ),
    (
        ModelInfo("baseline:majority", "always the most frequent dish of the train split", "label"),
        "foodbench.adapters.baselines:Majority",
    ),
    (
        ModelInfo("baseline:mean", "the train split's mean values, or its mean mask", "nutrition, masks"),
        "foodbench.adapters.baselines:Mean",
    ),
    (
        ModelInfo("baseline:random", "the answer of a train sample drawn at random", "any"),
        "foodbench.adapters.baselines:RandomDraw",
    ),
    (
        ModelInfo("baseline:blind", "the best answer that can be given from the question alone", "any"),
        "foodbench.adapters.baselines:Blind",
    ),
    (
        ModelInfo("baseline:usual", "names what is usual, whatever the picture shows", "labels, text"),
        "foodbench.adapters.baselines:Usual",
    ),
    (
        ModelInfo("baseline:refuse", "says of everything that it is not in the picture", "masks"),
        "foodbench.adapters.baselines:Refuse",
    ),
    (
        ModelInfo("baseline:colour", "colour statistics of the train split: a floor for models that look", "any"),
        "foodbench.adapters.colour:Colour",
    ),
    (
        ModelInfo("baseline:oracle", "the reference itself: the ceiling", "any"),
        "foodbench.adapters.baselines:Oracle",
    ),
    (
        ModelInfo(
            "endpoint", "a model behind any OpenAI-compatible server: endpoint:NAME", "any", "foodbench[endpoint]"
        ),
        "foodbench.adapters.endpoint:Endpoint",
    ),
)
_PYTHON = ModelInfo("py:module:Class", "your own class with answer(requests), or a plain function", "any")
_LMMS = ModelInfo("lmms:NAME", "one of lmms-eval's own models (`lmms-eval models` lists them)", "text", "its weights")

for _info, _target in _BUILT_IN:
    MODELS.register(_info.name, _target)


def describe_models() -> tuple[ModelInfo, ...]:
    """All models that can be named, without importing any of them; plug-ins last."""
    built_in = [info for info, _ in _BUILT_IN]
    named = {info.name for info in built_in}
    plug_ins = [ModelInfo(name, "from an installed plug-in", "") for name in MODELS.names() if name not in named]
    return (*built_in, _PYTHON, _LMMS, *plug_ins)


def load_adapter(spec: str, arguments: Mapping[str, str] | None = None) -> Adapter:
    """Build the adapter that `spec` names.

    Args:
        spec: as in this module's docstring.
        arguments: from `--model-args`, converted by the constructor's type hints.

    Raises:
        UnknownName: no such model.
        UsageError: an argument is unknown, missing or of the wrong type; or the model needs an extra that is not
            installed.
        AdapterFailed: the constructor of a plug-in's or user's adapter raised.
    """
    spec, given = spec.strip(), dict(arguments or {})
    head, _, rest = spec.partition(":")
    if head == "py":
        from foodbench.adapters.python_class import load_python

        return load_python(rest, given)
    if spec in MODELS:
        factory = MODELS.get(spec)
    elif rest and head in MODELS:
        factory = MODELS.get(head)
        given = with_spec_argument(spec, _spec_argument(spec, factory), rest, given)
    else:
        raise UnknownName.of("model", spec, [*MODELS.names(), _PYTHON.name])
    converted = convert_arguments(spec, factory, given)
    try:
        return factory(**converted)
    except FoodbenchError:
        raise
    except Exception as error:
        raise AdapterFailed(
            f"The model '{spec}' could not be loaded: {describe_exception(error)}.", hint="Check its --model-args."
        ) from error


def _spec_argument(spec: str, factory: Any) -> str:
    """The argument that what follows the colon of `name:rest` is put into, as the adapter names it."""
    name = getattr(factory, "spec_argument", None)
    if not name:
        head = spec.partition(":")[0]
        raise UsageError(f"The model '{head}' takes nothing after a colon ('{spec}').", hint=f"Write --model {head}")
    return str(name)
