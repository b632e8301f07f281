"""Walking through JSON arrays: every layout, every cut, and nothing that `json` itself would refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foodbench.core.errors import DataCorrupt, DataMissing
from foodbench.data import json_array
from foodbench.data.json_array import members

ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": 'a "quoted" } ] , { brace', "n": [1, -2.5e3, True, None, {"deep": [[]]}]},
    {},
    {"id": "crème", "text": "\u2028 \U0001f35d \\ \n \u0000"},
    {"id": "b" * 300},
]


def walk(path: Path, data: bytes) -> list[dict[str, Any]]:
    """The members, after checking that each lies where it is said to lie."""
    path.write_bytes(data)
    found = list(members(path))
    for offset, length, value in found:
        assert json.loads(data[offset : offset + length]) == value
    return [value for _, _, value in found]


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(DataCorrupt) as caught:
        list(members(path))
    return caught.value.message


LAYOUTS = {
    "official": json.dumps(ROWS),
    "compact": json.dumps(ROWS, separators=(",", ":"), ensure_ascii=False),
    "indented": json.dumps(ROWS, indent=4),
    "one object per line": "[\n" + ",\n".join(json.dumps(row) for row in ROWS) + "\n]\n",
    "windows lines": "\r\n [" + "\t,\r\n".join(json.dumps(row) for row in ROWS) + "]\r\n\r\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("block", [1, 2, 7, 64, 1 << 20])
def test_every_layout_through_every_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int
) -> None:
    monkeypatch.setattr(json_array, "BLOCK", block)
    assert walk(tmp_path / "rows.json", text.encode()) == ROWS


@pytest.mark.parametrize("text", ["[]", " [ ] ", "\n[\n\n]\n"])
def test_an_empty_array_has_no_members(tmp_path: Path, text: str) -> None:
    assert walk(tmp_path / "rows.json", text.encode()) == []


@pytest.mark.parametrize(
    ("data", "byte", "what"),
    [
        (b"", 0, "must begin here"),
        (b'{"id": 1}', 0, "must begin here"),
        (b'\xef\xbb\xbf[{"id": 1}]', 0, "must begin here"),
        ('[{"id": 1}]'.encode("utf-16"), 0, "must begin here"),
        (b'{"id": 1}\n{"id": 2}\n', 0, "must begin here"),
        (b"[", 1, "ends in the middle"),
        (b'[{"id": 1}', 10, "ends in the middle"),
        (b'[{"id": 1}, ', 12, "ends in the middle"),
        (b'[{"id": 1}, {"id"', 17, "member 2"),
        (b'[{"id": 1}, {"id": "abc', 19, "member 2"),
        (b'[{"id": 1}, 5]', 12, "member 2 of the array is not an object"),
        (b'[{"id": 1}, [1], {}]', 12, "member 2 of the array is not an object"),
        (b"[,]", 1, "member 1 of the array is not an object"),
        (b'[{"id": 1},]', 11, "missing after the comma"),
        (b'[{"id": 1} {"id": 2}]', 11, "a comma or the end"),
        (b'[{"id": 1}]]', 11, "more text after the end"),
        (b'[{"id": 1}]\n{}', 12, "more text after the end"),
        (b'[{"id": NaN}]', 1, "NaN is not JSON"),
        (b'[{"id": -Infinity}]', 1, "-Infinity is not JSON"),
        (b"[{'id': 1}]", 2, "member 1"),
        (b'[{"id": 01}]', 9, "member 1"),
        (b'[{"id": "a\nb"}]', 10, "member 1"),
        (b'[{"id": "caf\xe9"}]', 12, "not UTF-8"),
        (b'[{"id": "\xed\xa0\x80"}]', 9, "not UTF-8"),
        (b'[{}, {"id": "\\u12"}]', 14, "member 2"),
        (b'[{"id": ' + b"[" * 200_000, 1, "nested too deeply"),
        (b'[{"id": ' + b"9" * 5000 + b"}]", 1, "member 1"),
        (b'[{"id": 1}\x00]', 10, "a comma or the end"),
    ],
)
@pytest.mark.parametrize("block", [3, 1 << 20])
def test_damage_is_refused_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, byte: int, what: str, block: int
) -> None:
    monkeypatch.setattr(json_array, "BLOCK", block)
    message = refusal(tmp_path / "rows.json", data)
    assert f"rows.json, byte {byte:,}: " in message
    assert what in message


def test_an_object_without_end_is_not_collected_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "BLOCK", 64)
    monkeypatch.setattr(json_array, "MAX_MEMBER", 1000)
    rest = ", ".join(json.dumps({"id": number}) for number in range(10_000))
    read: list[int] = []
    path = tmp_path / "rows.json"
    path.write_text(f'[{{"id": 1}}, {{"id": "no end, {rest}]')
    with pytest.raises(DataCorrupt, match="byte 30: member 2"):
        list(members(path, lambda done, _total: read.append(done)))
    assert read[-1] < 4000 < path.stat().st_size


def test_absent_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        with pytest.raises(DataMissing, match="cannot be read"):
            list(members(path))


def test_progress_goes_from_the_first_block_to_the_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "BLOCK", 100)
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(ROWS * 10))
    told: list[tuple[int, int]] = []
    list(members(path, lambda *step: told.append(step)))
    size = path.stat().st_size
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (size, size)
    assert len(told) > 5


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), PLAIN, max_size=4)

PIECES = [b"", b'"', b"{", b"}", b"]", b",", b"\\", b"\xff", b" ", b"1", b"\n"]


def reference(data: bytes) -> list[dict[str, Any]] | None:
    """What the standard library makes of the whole file; None if it is not a strict array of objects."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        plain = json.loads(data.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, list) and all(isinstance(row, dict) for row in plain) else None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(OBJECTS, max_size=4), indent=st.sampled_from([None, 0, 3]), escaped=st.booleans(),
    block=st.integers(1, 40),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(PIECES)), max_size=3),
)  # fmt: skip
def test_any_file_is_taken_or_refused_as_the_standard_library_does(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[dict[str, Any]],
    indent: int | None,
    escaped: bool,
    block: int,
    edits: list[tuple[int, bytes]],
) -> None:
    data = json.dumps(rows, indent=indent, ensure_ascii=escaped).encode()
    for place, replacement in edits:
        place %= len(data) + 1
        data = data[:place] + replacement + data[place + 1 :]
    monkeypatch.setattr(json_array, "BLOCK", block)
    expected = reference(data)
    if expected is None:
        assert "rows.json, byte " in refusal(tmp_path / "rows.json", data)
    else:
        assert walk(tmp_path / "rows.json", data) == expected
