"""What a plain install adds to lmms-eval."""

from __future__ import annotations

import subprocess
import sys

import yaml

from foodbench.core.registry import import_object
from foodbench.tasks import TASKS
from foodbench.tasks.hooks import HOOKS
from foodbench.tasks.lmms_config import PLACEHOLDER, lmms_config, yaml_text


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_entry_point_is_light_and_names_the_models() -> None:
    out = run_python(
        "import sys\n"
        "from foodbench.engine.plugin import manifests\n"
        "print(sorted(item.model_id for item in manifests()))\n"
        "print([name for name in ('lmms_eval.tasks', 'foodbench.adapters.bridge') if name in sys.modules])"
    )
    assert out.splitlines() == ["['foodbench', 'foodlmm']", "[]"]


def test_tasks_are_indexed_whichever_is_imported_first() -> None:
    expected = "".join(sorted(TASKS.get(name).yaml_name for name in TASKS.names()))
    show = "print(''.join(sorted(n for n in TaskManager(verbosity='ERROR').all_tasks if n.startswith('foodbench_'))))"
    first = run_python(f"import lmms_eval.models\nfrom lmms_eval.tasks import TaskManager\n{show}")
    second = run_python(f"from lmms_eval.tasks import TaskManager\nimport lmms_eval.models\n{show}")
    assert first == second == expected


def test_yaml_files_are_current() -> None:
    for name in TASKS.names():
        task = TASKS.get(name)
        assert task.yaml_path.read_text() == yaml_text(task), "run: python -m foodbench.tasks.lmms_config"


class _Loader(yaml.SafeLoader):
    """Reads `!function` as the dotted name."""


_Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def test_yaml_states_the_configuration_of_the_engine() -> None:
    for name in TASKS.names():
        task = TASKS.get(name)
        stated = yaml.load(task.yaml_path.read_text(), Loader=_Loader)
        expected = lmms_config(task)
        placeholder = stated["dataset_kwargs"]["data_files"].pop("test")
        assert (task.yaml_path.parent / placeholder).resolve() == PLACEHOLDER
        expected["dataset_kwargs"]["data_files"].pop("test")
        for metric in stated["metric_list"]:
            assert callable(import_object(":".join(metric["aggregation"].rsplit(".", 1))))
        for hook in HOOKS:
            assert callable(import_object(":".join(stated.pop(hook).rsplit(".", 1))))
        assert stated == expected
