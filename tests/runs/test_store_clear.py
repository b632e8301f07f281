"""What `--fresh` deletes."""

from __future__ import annotations

from pathlib import Path

from foodbench.runs.store import LOCK, RATINGS, RunFolder


def test_ratings_survive(tmp_path: Path) -> None:
    rated, plain = tmp_path / "chat@1", tmp_path / "dish@1"
    for folder in (rated / "pictures", plain):
        folder.mkdir(parents=True)
    for path in (rated / RATINGS, rated / "samples.jsonl", rated / "pictures" / "a.png", plain / "samples.jsonl",
                 tmp_path / "run.json", tmp_path / LOCK):  # fmt: skip
        path.write_text("x")
    RunFolder(tmp_path).clear()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"chat@1/ratings.jsonl", LOCK}
