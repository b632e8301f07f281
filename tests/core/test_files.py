"""Durable files: atomic replacement, torn lines, a full disk, and a writer killed with SIGKILL."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from foodbench.core.errors import DataCorrupt, StorageFull
from foodbench.core.files import AppendLog, atomic_write, atomic_write_json, read_json_lines


def test_atomic_write_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    atomic_write(target, "old")
    atomic_write(target, "new")
    assert target.read_text() == "new"
    assert [entry.name for entry in target.parent.iterdir()] == ["file.txt"]


def test_failed_write_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file.txt"
    atomic_write(target, "old")
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        write(descriptor, bytes(data[:3]))  # a full disk takes a part of it
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull, match="No space left") as caught:
        atomic_write(target, "something longer")
    assert "same command" in caught.value.hint
    monkeypatch.undo()
    assert target.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_atomic_write_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        atomic_write_json(tmp_path / "x.json", {"value": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_append_log_round_trip_and_order(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with AppendLog(path) as log:
        log.append({"n": 1}, {"n": 2})
        log.append({"n": 3, "text": "ü\n\u2028"})
    with AppendLog(path) as log:
        log.append({"n": 4})
        log.append()
    assert [record["n"] for record in read_json_lines(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("torn", [b'{"n": 2', b'{"n": 2}', b"\xff\xfe", b"x" * 200_000])
def test_torn_last_line_is_dropped_and_cut(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n": 1}\n' + torn)
    assert list(read_json_lines(path)) == [{"n": 1}]
    with AppendLog(path) as log:
        log.append({"n": 3})
    assert list(read_json_lines(path)) == [{"n": 1}, {"n": 3}]


def test_a_log_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n"')
    AppendLog(path).close()
    assert path.read_bytes() == b""


def test_damage_in_the_middle_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"n": 1}\n{oops\n{"n": 3}\n')
    with pytest.raises(DataCorrupt, match="line 2"):
        list(read_json_lines(path))


def test_full_disk_cuts_the_half_written_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    log = AppendLog(path)
    log.append({"n": 1})
    write = os.write
    calls = []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, bytes(data[:5]))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageFull):
        log.append({"n": 2})
    monkeypatch.undo()
    log.append({"n": 3})
    log.close()
    assert list(read_json_lines(path)) == [{"n": 1}, {"n": 3}]


WRITER = """
import sys
from foodbench.core.files import AppendLog
log = AppendLog(__import__("pathlib").Path(sys.argv[1]))
for number in range(10**9):
    log.append({"n": number, "pad": "x" * 500})
    print(number, flush=True)
"""


def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 300:
            break
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    acknowledged = max([acknowledged, *map(int, rest)])
    numbers = [record["n"] for record in read_json_lines(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= acknowledged + 1


def test_records_are_single_lines_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with AppendLog(path) as log:
        log.append({"text": "a\nb\r\nc"})
    assert path.read_bytes().count(b"\n") == 1
    assert json.loads(path.read_text())["text"] == "a\nb\r\nc"
