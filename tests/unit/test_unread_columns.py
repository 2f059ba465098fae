"""Columns that the rule does not read: whatever they hold, each hit is a finding, and says so."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from paths_of_columns import PATHS, Find, paths_of

from illshell import ColumnError, match
from illshell.detect.match import PART_ROWS
from illshell.signatures.illegitimate_shell.names import EVENTS

BPRM = EVENTS[0]
ROWS = 4
TEXT = "a text longer than twelve bytes"
VIEW = pa.string_view()
HIT = {
    "eventName": BPRM,
    "processName": "nginx",
    "args": [{"name": "pathname", "type": "string", "value": "/bin/sh"}],
}

every_path = pytest.mark.parametrize("find", PATHS.values(), ids=list(PATHS))


def hits(**columns: pa.Array) -> pa.RecordBatch:
    judged = {"event_name": [BPRM] * ROWS, "comm": ["nginx"] * ROWS, "pathname": ["/bin/sh"] * ROWS}
    return pa.record_batch({**{name: pa.array(each) for name, each in judged.items()}, **columns})


def damaged_text() -> pa.Array:
    offsets = pa.array([0, 2, 99, 4, 4], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.utf8(), ROWS, [None, offsets, pa.py_buffer(b"abcd")])


OTHERS: dict[str, tuple[pa.Array, Any]] = {
    "string_view": (pa.array([TEXT] * ROWS, VIEW), TEXT),
    "binary_view": (pa.array([TEXT.encode()] * ROWS, pa.binary_view()), TEXT),
    "dictionary<string_view>": (
        pa.DictionaryArray.from_arrays(pa.array([0] * ROWS), pa.array([TEXT], VIEW)),
        TEXT,
    ),
    "dictionary": (pa.array([TEXT] * ROWS).dictionary_encode(), TEXT),
    "fixed_size_binary": (pa.array([b"x\0\0"] * ROWS, pa.binary(3)), "x"),
    "map": (pa.array([[("app", "web")]] * ROWS, pa.map_(pa.utf8(), pa.utf8())), {"app": "web"}),
    "run_end_encoded": (
        pa.RunEndEncodedArray.from_arrays(pa.array([ROWS], pa.int32()), ["x"]),
        "x",
    ),
    "list": (pa.array([["x", None]] * ROWS), ["x", None]),
    "list_view": (pa.array([[1, 2]] * ROWS, pa.list_view(pa.int8())), [1, 2]),
    "struct": (pa.array([{"a": {"b": 1}}] * ROWS), {"a": {"b": 1}}),
    "decimal": (pa.array([Decimal("3.50")] * ROWS), "3.50"),
    "half": (pa.array([1.5] * ROWS, pa.float32()).cast(pa.float16()), 1.5),
    "timestamp": (pa.array([7] * ROWS, pa.timestamp("us", "UTC")), 7000),
    "time": (pa.array([5] * ROWS, pa.time32("s")), "00:00:05"),
}
"""Columns of every type, and the value that the event of each row has."""

ANYTHING: dict[str, pa.Array] = {
    "date beyond year 9999": pa.array([0, 2**31 - 1, 0, 0], pa.int32()).view(pa.date32()),
    "timestamp beyond int64": pa.array([2**62] * ROWS, pa.timestamp("s")),
    "timestamp of no zone": pa.array([2] * ROWS, pa.timestamp("s", "No/Where")),
    "no UTF-8": pa.array([b"a", b"\xff", b"a", b"a"], pa.binary()).view(pa.string()),
    "union": pa.UnionArray.from_sparse(pa.array([0] * ROWS, pa.int8()), [pa.array(range(ROWS))]),
    "interval": pa.array([pa.MonthDayNano([1, 2, 3])] * ROWS),
    "list<string_view>": pa.array([[TEXT]] * ROWS, pa.list_(VIEW)),
    "struct<string_view>": pa.array([{"a": TEXT}] * ROWS, pa.struct([("a", VIEW)])),
    "map<string_view>": pa.array([[("a", TEXT)]] * ROWS, pa.map_(VIEW, VIEW)),
    "bytes of no width": pa.array([b""] * ROWS, pa.binary(0)),
    **{kind: column for kind, (column, _) in OTHERS.items()},
    "nulls": pa.nulls(ROWS),
    "integers": pa.array(range(ROWS)),
    "numbers": pa.array([float("nan"), float("inf"), -1.5, 2.0]),
}
"""Those, and columns of which some values, or all, have no form in JSON."""

NAMES = ("podName", "hostName", "timestamp", "hostProcessId", "raw_event", "record")


@pytest.mark.parametrize(
    ("find", "kind"), paths_of({kind: hits(podName=column) for kind, (column, _) in OTHERS.items()})
)
@pytest.mark.parametrize("start", [0, 1])
def test_the_event_has_the_columns_of_its_row(
    find: Find, kind: str, start: int, tmp_path: Path
) -> None:
    column, value = OTHERS[kind]
    batch = hits(podName=column).slice(start)
    found = find(batch, tmp_path)
    assert [finding.payload for finding in found] == [{**HIT, "podName": value}] * (ROWS - start)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("find", "kind"), paths_of({kind: hits(podName=column) for kind, column in ANYTHING.items()})
)
def test_no_column_costs_a_finding(find: Find, kind: str, name: str, tmp_path: Path) -> None:
    batch = hits(**{name: ANYTHING[kind]})
    found = find(batch, tmp_path)
    assert len(found) == ROWS
    for finding in found:
        assert finding.payload.items() >= HIT.items()
        assert len(finding.uid) == 36
        json.dumps(finding.payload)


@pytest.mark.parametrize("path", ["on_batch", "ArrowStage", "scan IPC", "scan IPC stream"])
@pytest.mark.parametrize("name", NAMES)
def test_values_outside_their_buffers_cost_no_finding(path: str, name: str, tmp_path: Path) -> None:
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 99, 0, -5]), ["a"], safe=False)
    for column in (damaged_text(), codes):
        found = PATHS[path](hits(**{name: column}), tmp_path)
        assert len(found) == ROWS
        assert all(finding.payload.items() >= HIT.items() for finding in found)


RAW = json.dumps({**HIT, "userId": 33}).encode()


@every_path
@pytest.mark.parametrize("name", ["raw_event", "record"])
@pytest.mark.parametrize("damage", [b"no JSON", b"[]", b"7", b"", b"{", b"\xff", b"[" * 9999, None])
def test_a_damaged_raw_event_is_rebuilt_from_its_row(
    find: Find, name: str, damage: bytes | None, tmp_path: Path
) -> None:
    raw = pa.array([RAW, damage, RAW, RAW], pa.binary())
    found = find(hits(**{name: raw, "podName": pa.array(["p"] * ROWS)}), tmp_path)
    whole = json.loads(RAW)
    assert [finding.payload for finding in found] == [whole, {**HIT, "podName": "p"}, whole, whole]
    assert [finding.event.headers.raw for finding in found] == [RAW, None, RAW, RAW]


@every_path
def test_what_was_judged_stands_before_further_columns(find: Find, tmp_path: Path) -> None:
    others = {
        "processName": pa.array(["cron"] * ROWS),
        "process_name": pa.array(["bash"] * ROWS),
        "eventName": pa.array(["openat"] * ROWS),
        "args": pa.array(["[]"] * ROWS),
        "prevComm": pa.array(["nginx"] * ROWS),
    }
    batch = hits(**others)
    order = [*others, *hits().schema.names]
    for each in (batch, batch.select(order)):
        found = find(each, tmp_path)
        for finding in found:
            payload = dict(finding.payload)
            assert payload["args"][0] == HIT["args"][0]  # type: ignore[index]
            assert (payload["eventName"], payload["processName"]) == (BPRM, "nginx")


@every_path
@pytest.mark.parametrize("reverse", [False, True])
def test_the_column_that_was_chosen_for_a_field_is_the_field(
    find: Find, reverse: bool, tmp_path: Path
) -> None:
    """Of several spellings the first one listed counts, wherever its column stands."""
    columns = {"host": "web-1", "hostName": "other", "pid": 7, "hostProcessId": 8, "ppid": 9}
    batch = hits(**{name: pa.array([value] * ROWS) for name, value in columns.items()})
    if reverse:
        batch = batch.select(batch.schema.names[::-1])
    for finding in find(batch, tmp_path):
        assert finding.payload["hostName"] == "web-1"
        assert finding.payload["hostProcessId"] == 7
        assert finding.payload["hostParentProcessId"] == 9


def test_columns_of_other_lengths_are_one_error_for_any_number_of_threads() -> None:
    rows = 2 * PART_ROWS
    for more in (5, -5, -rows, PART_ROWS):
        data = {
            "event_name": BPRM,
            "process_name": np.full(rows, b"nginx", "S16"),
            "pathname": np.full(rows + more, b"/bin/sh", "S16"),
        }
        said = f"column pathname: {rows + more} rows, where the batch has {rows}"
        for threads in (1, 2, 5):
            with pytest.raises(ColumnError, match=f"^{said}$"):
                match(data, threads=threads)
    codes = {
        "event_name": (np.zeros(3, np.int8), [BPRM]),
        "comm": np.full(2, b"nginx", "S16"),
    }
    for threads in (1, 2):
        with pytest.raises(ColumnError, match=r"rows, where the batch has"):
            match(codes, threads=threads)
