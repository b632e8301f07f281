"""From --model and --model-args to an adapter."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

import pytest

from foodbench.adapters import resolve
from foodbench.adapters.arguments import convert_arguments, settable_parameters
from foodbench.adapters.base import ask, batch_size_of, identity_of, usage_of
from foodbench.adapters.endpoint import Endpoint
from foodbench.adapters.resolve import describe_models, load_adapter
from foodbench.core.errors import AdapterFailed, UnknownName, UsageError
from foodbench.core.registry import Registry
from foodbench.core.types import Request

if TYPE_CHECKING:
    from decimal import Decimal

REQUESTS = [Request(task="t", sample_id=f"s{n}", image=None, question=f"q{n}") for n in range(2)]


@pytest.fixture(autouse=True)
def _local_endpoint(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1")


KINDS = ("majority", "mean", "random", "blind", "usual", "refuse", "colour", "oracle")


def test_every_baseline_loads_by_name():
    names = [info.name for info in describe_models() if info.name.startswith("baseline:")]
    assert {f"baseline:{kind}" for kind in KINDS} == set(names)
    for name in names:
        assert identity_of(load_adapter(name)).startswith(name)


@pytest.mark.parametrize(
    ("spec", "suggestion"),
    [
        ("baseline:majorty", "baseline:majority"),
        ("majority", "baseline:majority"),
        ("baseline:color", "baseline:colour"),
        ("foodlm", "foodlmm"),
        ("endpiont:gpt", "endpoint"),
    ],
)
def test_unknown_name_suggests(spec, suggestion):
    with pytest.raises(UnknownName) as caught:
        load_adapter(spec)
    assert suggestion in caught.value.hint


def test_hopeless_name_lists_what_there_is():
    with pytest.raises(UnknownName) as caught:
        load_adapter("zzzz")
    assert "foodlmm" in caught.value.hint


def test_endpoint_takes_its_model_after_the_colon():
    adapter = load_adapter("endpoint:org/model:7b", {"temperature": "none", "max_side": "512", "detail": "low"})
    assert isinstance(adapter, Endpoint)
    assert adapter.identity == "endpoint:org/model:7b@localhost:9,detail=low,max_side=512"
    assert load_adapter("endpoint", {"model": "m", "temperature": "none"}).identity == "endpoint:m@localhost:9"


def test_model_given_twice_is_refused():
    with pytest.raises(UsageError, match="given twice"):
        load_adapter("endpoint:a", {"model": "b"})


def test_colon_after_a_model_that_takes_none_is_refused():
    with pytest.raises(UnknownName):
        load_adapter("baseline:majority:x")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"timeuot": "3"}, "no argument 'timeuot'"),
        ({"retry_policy": "x"}, "no argument 'retry_policy'"),
        ({"max_side": "big"}, "'max_side=big' is not an integer"),
        ({"timeout": "inf"}, "'timeout=inf' is not a finite number"),
        ({"detail": "medium"}, "'auto' or 'low' or 'high'"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(UsageError, match=words) as caught:
        load_adapter("endpoint:m", arguments)
    if "timeuot" in arguments:
        assert "Did you mean timeout?" in caught.value.hint
        assert "concurrency" in caught.value.hint


def sample_factory(
    name: str,
    count: int = 1,
    rate: float = 0.5,
    on: bool = False,
    path: Path | None = None,
    side: int | None = None,
    mode: Literal["a", "b"] = "a",
    either: int | str = 0,
    anything=None,
    *,
    hidden: dict | None = None,
):
    return None


def test_arguments_are_converted_by_hint():
    given = {"name": "3", "count": "3", "rate": "1e-3", "on": "Yes", "path": "x/y", "side": "none", "mode": "b"}
    given |= {"either": "7", "anything": "raw"}
    assert convert_arguments("f", sample_factory, given) == {
        "name": "3",
        "count": 3,
        "rate": 0.001,
        "on": True,
        "path": Path("x/y"),
        "side": None,
        "mode": "b",
        "either": 7,
        "anything": "raw",
    }
    assert convert_arguments("f", sample_factory, {"name": "n", "either": "x"})["either"] == "x"
    assert "hidden" not in settable_parameters(sample_factory)


def test_missing_required_argument():
    with pytest.raises(UsageError, match="needs 'name'") as caught:
        convert_arguments("f", sample_factory, {})
    assert "--model-args name=..." in caught.value.hint


def test_keyword_arguments_take_anything_as_text():
    def factory(count: int = 0, **rest):
        return None

    assert convert_arguments("f", factory, {"count": "2", "other": "3"}) == {"count": 2, "other": "3"}


def test_class_without_constructor_takes_nothing():
    class Plain:
        pass

    assert convert_arguments("f", Plain, {}) == {}
    with pytest.raises(UsageError, match="It takes none"):
        convert_arguments("f", Plain, {"a": "1"})


def test_hint_that_cannot_be_resolved_falls_back_on_plain_names():
    def factory(count: int = 0, price: Decimal | None = None):
        return None

    assert convert_arguments("f", factory, {"count": "2"}) == {"count": 2}
    assert list(settable_parameters(factory)) == ["count"]


def test_listing_models_imports_no_model():
    code = (
        "import sys; from foodbench.adapters.resolve import describe_models; describe_models();"
        "print([m for m in ('torch', 'numpy', 'PIL', 'openai', 'lmms_eval', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_installed_plug_in_is_found(monkeypatch, tmp_path):
    (tmp_path / "plugged_adapter.py").write_text(
        "class Plugged:\n"
        "    spec_argument = 'size'\n"
        "    def __init__(self, size: int = 1): self.identity = f'plugged-{size}'\n"
        "    def answer(self, requests): return ['x' for _ in requests]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("plugged", "plugged_adapter:Plugged", resolve.ENTRY_POINT_GROUP)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point] if group == point.group else [])
    registry: Registry = Registry("model", entry_point_group=resolve.ENTRY_POINT_GROUP)
    monkeypatch.setattr(resolve, "MODELS", registry)
    assert load_adapter("plugged").identity == "plugged-1"
    assert load_adapter("plugged:7").identity == "plugged-7"
    assert describe_models()[-1].name == "plugged"


@pytest.fixture
def user_module(tmp_path, monkeypatch, request):
    """Writes a module under a fresh name into the current folder; gives back its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != ""])

    def write(source: str) -> str:
        name = f"user_{abs(hash(request.node.nodeid))}_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return write


CLASS = """
class Model:
    batch_size = 3
    def __init__(self, suffix: str = "!", times: int = 1):
        self.suffix = suffix * times
    def answer(self, requests):
        return [request.question + self.suffix for request in requests]
"""


def test_users_class_from_the_current_folder(user_module):
    module = user_module(CLASS)
    adapter = load_adapter(f"py:{module}:Model", {"times": "2"})
    assert [answer.text for answer in ask(adapter, REQUESTS)] == ["q0!!", "q1!!"]
    assert batch_size_of(adapter, 8) == 3
    assert not usage_of(adapter)
    assert identity_of(adapter).startswith(f"py:{module}:Model,times=2#")


def test_users_function(user_module):
    module = user_module("def reply(requests):\n    return ['pie' for _ in requests]\n")
    adapter = load_adapter(f"py:{module}:reply")
    assert [answer.text for answer in ask(adapter, REQUESTS)] == ["pie", "pie"]
    assert batch_size_of(adapter, 8) == 8
    with pytest.raises(UsageError, match="not a class"):
        load_adapter(f"py:{module}:reply", {"a": "1"})


def test_identity_changes_with_arguments_and_code_but_not_with_keys(user_module):
    module = user_module(
        "class M:\n    def __init__(self, api_key: str = '', n: int = 0): pass\n    def answer(self, requests): pass\n"
    )
    plain = identity_of(load_adapter(f"py:{module}:M"))
    assert identity_of(load_adapter(f"py:{module}:M", {"n": "1"})) != plain
    assert identity_of(load_adapter(f"py:{module}:M", {"api_key": "sk-1"})) == plain
    with Path(f"{module}.py").open("a") as stream:
        stream.write("# edited\n")
    assert identity_of(load_adapter(f"py:{module}:M")) != plain


def test_declared_identity_prepare_and_usage_are_passed_on(user_module):
    module = user_module(
        "class M:\n"
        "    identity = 'my-model'\n"
        "    def answer(self, r): return [self.task.name] * len(r)\n"
        "    def prepare(self, task, choice): self.task = task\n"
        "    def usage(self): return {'tokens': 3}\n"
    )
    adapter = load_adapter(f"py:{module}:M")
    adapter.prepare(SimpleNamespace(name="the task", protocol="strict"), None)
    assert identity_of(adapter) == "my-model"
    assert ask(adapter, REQUESTS)[0].text == "the task"
    assert usage_of(adapter) == {"tokens": 3}


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        ("class M: pass", "M", "no method 'answer'"),
        ("class M:\n    answer = 'x'", "M", "no method 'answer'"),
        ("M = 3", "M", "is a int, neither"),
        ("x = 1", "Missing", "has no 'Missing'"),
        ("def (", "M", "SyntaxError"),
        ("1 / 0", "M", "ZeroDivisionError.*line 1"),
        ("import not_there_at_all", "M", "no module named 'not_there_at_all'"),
    ],
)
def test_unusable_module_is_explained(user_module, source, name, words):
    module = user_module(source)
    with pytest.raises(UsageError, match=words):
        load_adapter(f"py:{module}:{name}")


@pytest.mark.parametrize("spec", ["py:", "py:module", "py::Class", "py", "py:no_such_module_here:C"])
def test_malformed_python_spec_is_explained(spec):
    with pytest.raises(UsageError):
        load_adapter(spec)


def test_unknown_argument_of_a_users_class(user_module):
    module = user_module(CLASS)
    with pytest.raises(UsageError, match="no argument 'sufix'") as caught:
        load_adapter(f"py:{module}:Model", {"sufix": "?"})
    assert "suffix" in caught.value.hint


def test_raising_constructor_is_the_adapters_failure(user_module):
    module = user_module(
        "class M:\n    def __init__(self): raise OSError('no weights')\n    def answer(self, requests): pass\n"
    )
    with pytest.raises(AdapterFailed, match="OSError: no weights") as caught:
        load_adapter(f"py:{module}:M")
    assert isinstance(caught.value.__cause__, OSError)
