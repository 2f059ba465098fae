"""The uid of a finding: one event has one, whatever the types of its columns and the way it came."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import READERS, illshell
from paths_of_columns import PATHS, Find, found_in, paths_of, scan
from tracee_events import bprm_check, process_exec

from illshell import EventBatch, stage
from illshell.detect.arrow_stage import ArrowStage
from illshell.panther import dedup, rule, title

TIME = 1_700_000_000_123_456_000
START = 1_699_999_999_000_001_000
EVENT: dict[str, Any] = {
    "timestamp": TIME,
    "threadStartTime": START,
    "hostProcessId": 7,
    "hostThreadId": 8,
    "hostName": "node1",
    "eventName": "security_bprm_check",
    "processName": "nginx",
    "args": [{"name": "pathname", "type": "const char*", "value": "/bin/sh"}],
}
[WANTED] = [finding.uid for finding in stage.findings([json.dumps(EVENT)])]

COLUMNS: dict[str, pa.Array] = {
    "event_name": pa.array([EVENT["eventName"]]),
    "comm": pa.array(["nginx"]),
    "pathname": pa.array(["/bin/sh"]),
    **{
        name: pa.array([EVENT[name]])
        for name in ("hostName", "timestamp", "threadStartTime", "hostProcessId", "hostThreadId")
    },
}


def both(name: str, kind: pa.DataType) -> dict[str, pa.Array]:
    """Return a column of an integer type or another one of equal values."""
    return {name: COLUMNS[name].cast(kind)}


def of_times(kind: pa.DataType) -> dict[str, pa.Array]:
    parts = {"ns": 1, "us": 1000}[kind.unit]
    return {
        "timestamp": pa.array([TIME // parts], kind),
        "threadStartTime": pa.array([START // parts], kind),
    }


def of_ids(kind: pa.DataType) -> dict[str, pa.Array]:
    return both("hostProcessId", kind) | both("hostThreadId", kind)


HOST = b"node1"
CASES: dict[str, dict[str, pa.Array]] = {
    "int64": {},
    "timestamp[ns]": of_times(pa.timestamp("ns")),
    "timestamp[us]": of_times(pa.timestamp("us")),
    "timestamp[ns, UTC]": of_times(pa.timestamp("ns", "UTC")),
    "timestamp[us, Europe/Berlin]": of_times(pa.timestamp("us", "Europe/Berlin")),
    "time as uint64": both("timestamp", pa.uint64()),
    "time as decimal": {"timestamp": pa.array([Decimal(TIME)], pa.decimal128(20, 0))},
    "time as decimal with places": {"timestamp": pa.array([Decimal(TIME)], pa.decimal128(24, 2))},
    "time as text": both("timestamp", pa.utf8()),
    "dictionary of times": {"timestamp": COLUMNS["timestamp"].dictionary_encode()},
    "ids as uint8": of_ids(pa.uint8()),
    "ids as int32": of_ids(pa.int32()),
    "ids as float64": of_ids(pa.float64()),
    "ids as float32": of_ids(pa.float32()),
    "ids as text": of_ids(pa.utf8()),
    "host as large_utf8": both("hostName", pa.large_utf8()),
    "host as utf8_view": both("hostName", pa.string_view()),
    "host as binary": both("hostName", pa.binary()),
    "host as binary_view": both("hostName", pa.binary_view()),
    "host as dictionary": {"hostName": COLUMNS["hostName"].dictionary_encode()},
    "host as dictionary of views": {
        "hostName": pa.DictionaryArray.from_arrays(
            pa.array([0], pa.uint32()), pa.array(["node1"], pa.string_view())
        )
    },
    "host in zero-padded bytes": {"hostName": pa.array([HOST.ljust(16, b"\0")], pa.binary(16))},
    "host run-end encoded": {
        "hostName": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), ["node1"])
    },
}

SPELLINGS = {
    "hostName": ("host", "host_name"),
    "timestamp": ("time",),
    "threadStartTime": ("start_time", "thread_start_time"),
    "hostProcessId": ("pid", "host_pid", "host_process_id"),
    "hostThreadId": ("tid", "host_tid", "host_thread_id"),
}

every_path = pytest.mark.parametrize("find", PATHS.values(), ids=list(PATHS))


BATCHES = {case: pa.record_batch({**COLUMNS, **columns}) for case, columns in CASES.items()}


@pytest.mark.parametrize(("find", "case"), paths_of(BATCHES))
def test_the_type_of_a_column_is_no_part_of_the_uid(find: Find, case: str, tmp_path: Path) -> None:
    assert [finding.uid for finding in find(BATCHES[case], tmp_path)] == [WANTED]


@every_path
@pytest.mark.parametrize("spelling", range(3))
def test_the_spelling_of_a_column_is_no_part_of_the_uid(
    find: Find, spelling: int, tmp_path: Path
) -> None:
    names = {name: each[min(spelling, len(each) - 1)] for name, each in SPELLINGS.items()}
    batch = pa.record_batch({names.get(name, name): column for name, column in COLUMNS.items()})
    [finding] = find(batch, tmp_path)
    assert finding.uid == WANTED
    assert finding.payload["hostName"] == "node1"


@every_path
def test_further_columns_are_no_part_of_the_uid(find: Find, tmp_path: Path) -> None:
    others = {"userId": [33], "processName": ["cron"], "eventName": ["openat"], "args": ["[]"]}
    batch = pa.record_batch({**COLUMNS, **{name: pa.array(each) for name, each in others.items()}})
    [finding] = find(batch, tmp_path)
    assert (finding.uid, finding.payload["userId"]) == (WANTED, 33)


@every_path
def test_the_raw_event_has_the_same_uid(find: Find, tmp_path: Path) -> None:
    judged = {name: COLUMNS[name] for name in ("event_name", "comm", "pathname")}
    raw = pa.array([json.dumps(EVENT)])
    [finding] = find(pa.record_batch({**judged, "raw_event": raw}), tmp_path)
    assert finding.uid == WANTED


def test_engines_and_files_agree_on_many_events(tmp_path: Path) -> None:
    events = [{**EVENT, "timestamp": TIME + row, "hostProcessId": row % 3} for row in range(50)]
    expected = [finding.uid for finding in stage.findings(map(json.dumps, events))]
    assert len(set(expected)) == 50
    columns = {
        name: pa.array([event[name] for event in events])
        for name in ("hostName", "timestamp", "threadStartTime", "hostProcessId", "hostThreadId")
    }
    judged = {name: pa.array(COLUMNS[name].to_pylist() * 50) for name in COLUMNS}
    batch = pa.record_batch({**judged, **columns})
    for find in PATHS.values():
        assert [finding.uid for finding in find(batch, tmp_path)] == expected
    values = pa.record_batch({"value": [json.dumps(event) for event in events]})
    found = ArrowStage(value_column="value").findings(values)[1]
    assert found.column("uid").to_pylist() == expected
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "groups", row_group_size=7)
    assert [finding.uid for finding in scan(tmp_path / "groups")] == expected
    chunks = [batch.slice(start, 7) for start in range(0, 50, 7)]
    parts = [EventBatch.from_arrow(chunk) for chunk in chunks]
    found_parts = [finding for part in parts for finding in found_in(part)]
    assert [finding.uid for finding in found_parts] == expected


STRANGERS = [
    bprm_check("nginx", "/bin/sh"),
    bprm_check("nginx", "/bin/dash"),
    {**bprm_check("nginx", "/bin/sh"), "processId": 7},
    process_exec("apache2", "dash"),
    process_exec("apache2", "sh"),
]
"""Events without an identity of their own: no host, no time."""


def without_identity(event: dict[str, Any]) -> dict[str, Any]:
    return {
        key: event[key] for key in ("eventName", "processName", "args", "processId") if key in event
    }


@pytest.mark.parametrize("reader", READERS)
def test_other_events_at_one_place_have_other_uids(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    seen: dict[str, list[str]] = {"stdin": [], "file": []}
    for event in map(without_identity, STRANGERS):
        line = json.dumps(event).encode() + b"\n"
        path.write_bytes(line)
        for _ in range(2):
            stdin = illshell("scan", "--reader", reader, stdin=line).records
            file = illshell("scan", "--reader", reader, path).records
            seen["stdin"] += [record["uid"] for record in stdin]
            seen["file"] += [record["uid"] for record in file]
    for uids in seen.values():
        assert len(uids) == 2 * len(STRANGERS)
        assert uids[::2] == uids[1::2]
        assert len(set(uids)) == len(STRANGERS)


def test_one_event_at_two_places_of_a_file_has_two_uids(tmp_path: Path) -> None:
    event = without_identity(STRANGERS[0])
    path = tmp_path / "events.jsonl"
    path.write_text(f"{json.dumps(event)}\n" * 3)
    assert len({record["uid"] for record in illshell("scan", path).records}) == 3
    judged = {name: COLUMNS[name] for name in ("event_name", "comm", "pathname")}
    batch = pa.record_batch({name: pa.array(each.to_pylist() * 3) for name, each in judged.items()})
    for name in ("scan Parquet", "scan IPC", "scan IPC stream"):
        found = PATHS[name](batch, tmp_path)
        assert len({finding.uid for finding in found}) == 3
        assert [f.uid for f in PATHS[name](batch, tmp_path)] == [f.uid for f in found]


def test_what_follows_the_argument_that_decides_may_be_anything() -> None:
    for more in ([None], [7, "x"], [[]]):
        event = {**EVENT, "args": [*EVENT["args"], *more]}
        assert rule(event) is True
        assert title(event).startswith("Web server spawned a shell: nginx started /bin/sh on node1")
        assert "nginx" in dedup(event)
