"""`foodbench doctor`: it recognises what is broken, says what to do, and survives everything.

The heavy imports are tried in a child process, so broken packages are played by fake ones on PYTHONPATH.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from foodbench.cli import diagnosis, imports
from foodbench.cli.imports import ImportProbe
from tests.cli.stored_runs import Output

Foodbench = Callable[..., Output]

FINE_TORCH = """
__version__ = "9.9"
class version: cuda = None
class cuda:
    is_available = staticmethod(lambda: False)
    device_count = staticmethod(lambda: 0)
"""
GPU_TORCH = """
__version__ = "9.9+cu999"
class version: cuda = "99.9"
class Device: name = "Imaginary 9000"; total_memory = 32 * 1024**3
class cuda:
    is_available = staticmethod(lambda: True)
    device_count = staticmethod(lambda: 2)
    get_device_properties = staticmethod(lambda index: Device)
"""
MISFIT = 'raise RuntimeError("operator torchvision::nms does not exist")'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the child process import these sources instead of the real packages."""

    def set_up(sources: Mapping[str, str] | None = None) -> None:
        fakes = {"torch": FINE_TORCH, "torchvision": "", "pycocotools.mask": "", "lmms_eval.evaluator": ""}
        for name, source in {**fakes, **(sources or {})}.items():
            package, _, module = name.partition(".")
            folder = tmp_path / "fakes" / package
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{module or '__init__'}.py").write_text(source)
            (folder / "__init__.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fakes"))

    set_up()
    return set_up


def report(output: Output) -> dict[str, list[dict]]:
    found = json.loads(output.out)
    assert found["schema"] == "foodbench.doctor/1"
    assert found["ok"] == (output.code == 0)
    topics: dict[str, list[dict]] = {}
    for finding in found["findings"]:
        topics.setdefault(finding["topic"], []).append(finding)
    return topics


def test_healthy_machine(foodbench: Foodbench, machine: Callable[..., None], kitchen: Path) -> None:
    output = foodbench("doctor")
    assert output.code == 0, output.out
    assert "0 problems" in output.out
    for topic in (
        "python",
        "packages",
        "imports",
        "gpu",
        "checkpoint",
        "datasets",
        "kitchen",
        "disk",
        "threads",
        "network",
    ):
        assert any(line.split()[1] == topic for line in output.out.splitlines()[:-1] if not line.startswith(" ")), topic
    assert output.out.isascii()


def test_misfit_of_torch_and_torchvision(foodbench: Foodbench, machine: Callable[..., None]) -> None:
    machine({"torchvision": MISFIT, "lmms_eval.evaluator": "import torchvision"})
    output = foodbench("doctor", "--json")
    assert output.code == 2
    broken = [each for each in report(output)["imports"] if each["status"] == "problem"]
    assert len(broken) == 2
    for each in broken:
        assert "torchvision does not fit torch" in each["message"]
        assert "torch==" in each["remedy"]
        assert "torchvision==" in each["remedy"]


@pytest.mark.parametrize(
    ("module", "source", "words", "remedy"),
    [
        ("torch", "import no_such_part", "no_such_part", "pip install"),
        ("torch", 'raise OSError("libcudart.so.99: cannot open shared object file")', "libcudart", "torch"),
        ("pycocotools.mask", 'raise ImportError("numpy.core failed")', "numpy.core", "pycocotools"),
        ("lmms_eval.evaluator", "import os; os.abort()", "importing lmms-eval crashed", "lmms-eval"),
        ("lmms_eval.evaluator", "raise SystemExit(3)", "SystemExit", "lmms-eval"),
    ],
)
def test_broken_imports(
    foodbench: Foodbench, machine: Callable[..., None], module: str, source: str, words: str, remedy: str
) -> None:
    machine({module: source})
    output = foodbench("doctor", "--json")
    assert output.code == 2
    (broken,) = [each for each in report(output)["imports"] if each["status"] == "problem"]
    assert words in broken["message"]
    assert remedy in broken["remedy"]


def test_import_that_hangs_is_given_up(
    foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "TIMEOUT_SECONDS", 2.0)
    machine({"pycocotools.mask": "import time; time.sleep(60)"})
    output = foodbench("doctor", "--json")
    topics = report(output)
    assert any("given up" in each["message"] and each["status"] == "warning" for each in topics["imports"])
    assert any(each["message"].startswith("torch, torchvision import") for each in topics["imports"])


def test_devices_are_listed(foodbench: Foodbench, machine: Callable[..., None]) -> None:
    machine({"torch": GPU_TORCH})
    topics = report(foodbench("doctor", "--json"))
    assert [each["message"] for each in topics["gpu"]] == [
        "cuda:0 Imaginary 9000, 32 GB",
        "cuda:1 Imaginary 9000, 32 GB",
    ]


def test_driver_without_usable_torch(
    foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis.shutil, "which", lambda name: f"/usr/bin/{name}")
    (finding,) = report(foodbench("doctor", "--json"))["gpu"]
    assert finding["status"] == "warning"
    assert "built without CUDA" in finding["message"]


def test_noise_of_libraries_is_not_taken_for_an_answer(foodbench: Foodbench, machine: Callable[..., None]) -> None:
    machine({"torchvision": "print('foodbench-probe not json'); print('noise')"})
    assert report(foodbench("doctor", "--json"))["imports"][0]["status"] == "ok"


def test_package_versions(foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["click>=8.1", "numpy<0.1", "no-such-package>=2", "trl>=1; extra == 'train'"]
    monkeypatch.setattr(metadata, "requires", lambda name: wanted)
    output = foodbench("doctor", "--json")
    assert output.code == 2
    found = {each["status"]: each for each in report(output)["packages"]}
    assert "numpy" in found["warning"]["message"]
    assert "<0.1 is wanted" in found["warning"]["message"]
    assert "no-such-package is not installed" in found["problem"]["message"]
    assert "trl" not in str(found)


def test_not_installed(foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    (finding,) = report(foodbench("doctor", "--json"))["packages"]
    assert finding["status"] == "warning"


def test_damaged_registry_stops_runs(foodbench: Foodbench, machine: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/datasets.json").write_text("[]")
    output = foodbench("doctor", "--json")
    assert output.code == 2
    (finding,) = report(output)["datasets"]
    assert "datasets.json" in finding["message"]
    assert finding["remedy"]


def test_full_disk(foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10 * 1024**2})
    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda path: usage)
    output = foodbench("doctor", "--json")
    assert output.code == 2
    assert {each["status"] for each in report(output)["disk"]} == {"problem"}


def test_runs_folder_that_is_a_file(
    foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("FOODBENCH_RUNS", str(tmp_path / "taken"))
    output = foodbench("doctor", "--json")
    assert output.code == 2
    assert any("FOODBENCH_RUNS" in each["remedy"] for each in report(output)["disk"])


@pytest.mark.parametrize(
    ("value", "status"), [("1", "ok"), ("4096", "warning"), ("many", "warning"), ("0", "warning"), (None, "ok")]
)
def test_threads(
    foodbench: Foodbench,
    machine: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    status: str,
) -> None:
    if value is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
        monkeypatch.setattr(diagnosis, "usable_cores", lambda: float(diagnosis.os.cpu_count() or 1))
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
    (finding,) = report(foodbench("doctor", "--json"))["threads"]
    assert finding["status"] == status


def test_container_limits(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert diagnosis.usable_cores(tmp_path) == 0.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert diagnosis.usable_cores(tmp_path) >= 1
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    assert diagnosis.available_memory(tmp_path, meminfo) == 4000 * 1024
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert diagnosis.available_memory(tmp_path, meminfo) == 2_000_000
    assert diagnosis.available_memory(tmp_path, tmp_path / "absent") is None


def test_a_check_that_crashes_is_a_finding(
    foodbench: Foodbench, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash() -> None:
        raise ArithmeticError("unforeseen")

    monkeypatch.setattr(diagnosis, "_machine", crash)
    output = foodbench("doctor", "--json")
    assert output.code == 0
    (finding,) = report(output)["machine"]
    assert "unforeseen" in finding["message"]


def test_python_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(imports.sys, "executable", str(tmp_path / "no-python"))
    probe = ImportProbe.start()
    assert "cannot be started" in probe.failures()["torch"].message
    assert probe.succeeded() == []
