"""The uid of a finding: pinned, and the same whichever way the event came."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from command_line import READERS, illshell
from tracee_events import bprm_check, process_exec

from illshell import (
    ByteRange,
    EventBatch,
    Finding,
    IllegitimateShell,
    Message,
    Position,
    Row,
    Sequence,
    SignatureContext,
)
from illshell.dialects.tracee_event import event_of
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata

TASK = {
    "timestamp": 1763000000000000001,
    "hostName": "web01",
    "hostThreadId": 4242,
    "hostProcessId": 4242,
    "threadStartTime": 1762999999000000000,
}
CHECK = bprm_check("nginx", "/bin/sh", **TASK)
EXEC = process_exec("nginx", "sh", **TASK)
CHECK_UID = "29882bef-1bc9-5745-a133-da038923e71e"
EXEC_UID = "51200d03-bba4-5345-91a9-8f6aaa1f4299"
SOURCE_UID = "4dce77dc-6535-52d8-87af-a8e4c0881337"
MESSAGE_UID = "17eb35b3-b8d6-503c-9b2e-1a6baedffcc9"
CONTENT_UID = "70350cb2-ba44-59ae-8437-499852371fb7"


def uid(payload: Any, position: Position | None = None) -> str:
    return Finding(illegitimate_shell_metadata(), event_of(payload, position)).uid


def test_it_is_pinned() -> None:
    bare = bprm_check("nginx", "/bin/sh")
    assert uid(CHECK) == CHECK_UID
    assert uid(EXEC) == EXEC_UID
    assert uid(bare, ByteRange("events.jsonl", 7, 99)) == SOURCE_UID
    assert uid(bare, Message("events", 3, 7)) == MESSAGE_UID
    assert uid(bare) == CONTENT_UID


def test_two_events_of_one_exec_are_two() -> None:
    assert uid(CHECK) != uid(EXEC)


@pytest.mark.parametrize("key", TASK)
def test_each_part_of_the_identity_counts(key: str) -> None:
    other = "web02" if key == "hostName" else TASK[key] + 1
    assert uid(CHECK | {key: other}) != CHECK_UID


def test_the_position_does_not_count_where_there_is_an_identity() -> None:
    assert uid(CHECK, ByteRange("a", 1, 9)) == uid(CHECK, Message("t", 0, 9)) == CHECK_UID
    assert uid(CHECK | {"returnValue": -1}) == CHECK_UID


@pytest.mark.parametrize(
    "lacking",
    [
        {"hostName": ""},
        {"hostName": None},
        {"timestamp": 0},
        {"timestamp": "2025-11-13T02:13:20Z"},
        {"timestamp": 0.5},
        {"timestamp": True},
        {"hostThreadId": 0, "hostProcessId": None},
    ],
)
def test_without_identity_the_position_counts(lacking: dict[str, Any]) -> None:
    event = CHECK | lacking
    uids = {
        uid(event, ByteRange("a", 1, 9)),
        uid(event, ByteRange("a", 2, 9)),
        uid(event, ByteRange("b", 1, 9)),
        uid(event, Row("a", 1)),
        uid(event, Message("a", 0, 1)),
        uid(event, Message("a", 1, 1)),
        uid(event, Message("a", 1, 1, 1)),
        uid(event),
        uid(event | {"processName": "httpd"}),
    }
    assert len(uids) == 9
    assert uid(event, Message("a", 1, 1, 0)) == uid(event, Message("a", 1, 1))


def test_what_an_event_says_counts_beside_its_position() -> None:
    """Two events that say other things never share a uid, whatever is known of their place."""
    bare = bprm_check("nginx", "/bin/sh")
    for position in (None, ByteRange("a", 1, 9), Row("a", 1), Message("a", 1, 1), Sequence("a", 1)):
        assert uid(bare, position) != uid(bare | {"processName": "httpd"}, position)
        assert uid(bare, position) == uid(dict(reversed(bare.items())), position)


def test_a_position_that_is_not_found_again_does_not_count() -> None:
    bare = bprm_check("nginx", "/bin/sh")
    assert uid(bare, Sequence("stdin", 1)) == uid(bare, Sequence("stdin", 2)) == uid(bare)


def test_an_older_event_has_an_identity_without_a_start_time() -> None:
    old = {key: value for key, value in CHECK.items() if key != "threadStartTime"}
    assert uid(old, ByteRange("a", 1, 9)) == uid(old, ByteRange("b", 2, 9)) != CHECK_UID


@pytest.mark.parametrize("form", [np.int64, np.uint64, Decimal, str])
def test_numbers_are_numbers_whatever_they_came_as(form: Any) -> None:
    columns = {key: form(value) for key, value in TASK.items() if key != "hostName"}
    assert uid(CHECK | columns) == CHECK_UID


def test_numbers_of_columns_are_numbers_of_json() -> None:
    assert uid({"eventName": "x", "n": np.int64(1)}) == uid({"eventName": "x", "n": 1})


def test_what_only_python_reads_has_one() -> None:
    assert uid(CHECK | {"hostName": "\ud800"}) != uid(CHECK | {"hostName": "\ud801"})
    assert len(uid({"n": float("nan"), "big": 10**40})) == 36


def test_one_event_or_a_batch() -> None:
    found: list[Finding] = []
    signature = IllegitimateShell(["security_bprm_check", "sched_process_exec"])
    signature.init(SignatureContext(found.append))
    for payload in (CHECK, EXEC):
        signature.on_event(payload)
        signature.on_event(event_of(payload, ByteRange("a", 1, 9)))
    rows = pa.record_batch(
        {
            "event_name": [CHECK["eventName"], EXEC["eventName"]],
            "process_name": [CHECK["processName"], EXEC["processName"]],
            "pathname": ["/bin/sh", None],
            "prev_comm": [None, "nginx"],
            "record": [json.dumps(CHECK).encode(), json.dumps(EXEC).encode()],
        }
    )
    signature.on_batch(EventBatch.from_arrow(rows))
    assert [each.uid for each in found] == [CHECK_UID] * 2 + [EXEC_UID] * 2 + [CHECK_UID, EXEC_UID]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("shape", ["jsonl", "tracee", "raw"])
def test_every_shape_shows_it(shape: str, reader: str, tmp_path: Path) -> None:
    bare = bprm_check("nginx", "/bin/sh")
    name = tmp_path / "events"
    lines = (json.dumps(each).encode() for each in (CHECK, EXEC, bare))
    name.write_bytes(b"\n".join(lines))
    records = illshell("scan", name, "--format", shape, "--reader", reader).records
    where = {
        "jsonl": lambda record: record["uid"],
        "tracee": lambda record: record["metadata"]["Properties"]["uid"],
        "raw": lambda record: record["UID"],
    }[shape]
    offset = name.read_bytes().rindex(b"\n") + 1
    assert [where(record) for record in records] == [
        CHECK_UID,
        EXEC_UID,
        uid(bare, ByteRange(str(name), offset, len(json.dumps(bare)))),
    ]


def test_a_wide_table_shows_its_start(tmp_path: Path) -> None:
    name = tmp_path / "events"
    name.write_bytes(json.dumps(CHECK).encode())
    shown = illshell("scan", name, "--format", "table", COLUMNS="160").out.decode()
    assert f"  {CHECK_UID[:8]}  " in shown
    shown = illshell("scan", name, "--format", "table", COLUMNS="139").out.decode()
    assert CHECK_UID[:8] not in shown
