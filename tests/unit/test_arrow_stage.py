"""The stage over Arrow data: whatever the engine's types, the findings are the reference's."""

from __future__ import annotations

import datetime as dt
import json
import logging
import pickle
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_lines_at_random import streams
from stage_oracle import hits
from tracee_events import bprm_check, process_exec

from illshell import ColumnError
from illshell.detect import arrow_stage
from illshell.detect.arrow_stage import ArrowStage
from illshell.detect.spec import DetectorSpec
from illshell.formats.finding_fields import FIELDS
from illshell.formats.finding_rows import SCHEMA
from illshell.model.position import Message
from illshell.readers import has_native, json_values
from illshell.readers.json_lines.definition import MAX_LINE

HIT = process_exec("nginx", "sh", hostName="web-1", timestamp=7)
BPRM_HIT = bprm_check("apache2", "/bin/bash")
MISS = process_exec("bash", "ls")
BROKEN = bprm_check("nginx", 5)
PAYLOADS = [MISS, HIT, BROKEN, MISS, BPRM_HIT]
VALUES = [json.dumps(payload).encode() for payload in PAYLOADS]

TEXT_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.large_binary()),
]
BY_VALUE = ArrowStage(value_column="value", errors=True)


WRONG = pa.record_batch({"event_name": ["x"], "comm": ["y"], "pathname": [1]})
"""A rule that reads pathname can't judge any row of it: no batch of errors, but one for all."""


@pytest.fixture(params=["plain", "native"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "plain":
        monkeypatch.setattr(json_values, "has_native", lambda: False)
    elif not has_native():
        pytest.skip("needs illshell-ingest: install Rust, then `make test`")


def column(cells: list[bytes | None], kind: pa.DataType = pa.binary()) -> pa.RecordBatch:  # noqa: B008
    array = pa.array(cells, pa.binary())
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    array = array.cast(plain)
    if pa.types.is_dictionary(kind):
        array = array.dictionary_encode().cast(kind)
    return pa.record_batch({"value": array})


def table_of(payloads: list[dict[str, Any]]) -> pa.Table:
    def argument(payload: dict[str, Any], name: str) -> Any:
        found = [arg["value"] for arg in payload["args"] if arg["name"] == name]
        return found[0] if found and isinstance(found[0], str) else None

    return pa.table(
        {
            "eventName": [payload["eventName"] for payload in payloads],
            "comm": [payload["processName"] for payload in payloads],
            "pathname": [argument(payload, "pathname") for payload in payloads],
            "prev_comm": [argument(payload, "prev_comm") for payload in payloads],
            "seen": [dt.datetime(2026, 1, 1, 0, 0, at) for at in range(len(payloads))],
        }
    )


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
def test_values_of_each_type(kind: pa.DataType) -> None:
    batch = pa.concat_batches([column([b"{}"], kind), column(VALUES, kind)]).slice(1)
    rows, found = BY_VALUE.findings(batch)
    assert rows == [1, 2, 4]
    assert found.schema == SCHEMA
    assert found.column("event").to_pylist() == [VALUES[row].decode() for row in rows]
    assert found.column("error").to_pylist() == [
        None,
        "can't convert argument pathname to string",
        None,
    ]
    assert found.column("process_name").to_pylist() == ["sh", "nginx", "apache2"]
    assert found.column("pathname").to_pylist() == [None, None, "/bin/bash"]
    assert found.column("prev_comm").to_pylist() == ["nginx", None, None]
    assert found.column("severity").to_pylist() == [2, None, 2]
    uids = found.column("uid").to_pylist()
    assert uids[1] is None
    assert len({uids[0], uids[2]}) == 2


@pytest.mark.usefixtures("reader")
def test_a_newline_in_a_value_ends_no_event() -> None:
    pretty = json.dumps(HIT, indent=2).encode()
    forbidden = VALUES[1].replace(b"web-1", b"web\n1")
    two = VALUES[1] + b"\n" + VALUES[1]
    cells = [pretty, VALUES[1] + b"\n", b"\n\n" + VALUES[1], forbidden, two, b"\n", VALUES[4]]
    rows, found = BY_VALUE.findings(column(cells))
    assert rows == [0, 1, 2, 3, 4, 6]
    assert [error is None for error in found.column("error").to_pylist()] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert json.loads(found.column("event")[0].as_py()) == HIT


@pytest.mark.usefixtures("reader")
def test_what_is_no_event_is_an_error_of_its_row() -> None:
    cells = [None, b"", VALUES[1], b"[]", b"\xff{", b'{"eventName":"sched_process_exec"']
    rows, found = BY_VALUE.findings(column(cells))
    assert rows == [0, 2, 3, 4, 5]
    assert found.column("error").to_pylist() == [
        "column value: the value is null",
        None,
        "not a JSON object but an array; `jq -c '.[]'` makes lines",
        "not a JSON object",
        "a JSON object that does not end on its line: truncated?",
    ]
    assert found.column("event").to_pylist()[3] == "\ufffd{"
    found.validate(full=True)


@pytest.mark.usefixtures("reader")
def test_a_value_over_the_limit_of_a_line() -> None:
    long = VALUES[1][:-1] + b" " * MAX_LINE + b"}"
    rows, found = BY_VALUE.findings(column([VALUES[1], long, VALUES[4]]))
    assert rows == [0, 1, 2]
    errors = found.column("error").to_pylist()
    assert errors == [None, f"longer than the limit of {MAX_LINE} bytes", None]


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("most", [1, 300, 1 << 20])
def test_chunks(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_stage, "CHUNK_BYTES", most)
    assert BY_VALUE.findings(column(VALUES * 3))[0] == [1, 2, 4, 6, 7, 9, 11, 12, 14]
    assert BY_VALUE.findings(column([]))[0] == []


@settings(deadline=None)
@given(streams, st.sampled_from([1, 100, 1 << 20]))
def test_values_against_the_reference(stream: bytes, most: int) -> None:
    cells = stream.split(b"\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow_stage, "CHUNK_BYTES", most)
        rows, found = BY_VALUE.findings(column(cells))
    found.validate(full=True)
    errors = found.column("error").to_pylist()
    assert [row for row, error in zip(rows, errors, strict=True) if error is None] == hits(cells)


def test_coordinates_of_a_queue_are_in_the_headers() -> None:
    batch = column(VALUES)
    for name, cells in (("topic", ["t"] * 5), ("partition", [3] * 5), ("offset", range(5))):
        batch = batch.append_column(name, pa.array(cells))
    verdicts = BY_VALUE.verdicts(BY_VALUE.spec.make(), batch)
    [headers] = [
        verdict.finding.event.headers
        for verdict in verdicts
        if verdict.finding is not None and verdict.row == 4
    ]
    assert (headers.position, headers.raw) == (Message("t", 3, 4), VALUES[4])


def test_columns_are_judged_and_the_event_rebuilt() -> None:
    stage = ArrowStage(errors=True)
    found = stage(table_of(PAYLOADS))
    assert found.schema == SCHEMA
    assert list(FIELDS) == found.column_names
    assert found.column("error").to_pylist() == [
        None,
        "argument pathname not found",
        None,
    ]
    event = json.loads(found.column("event")[0].as_py())
    assert event == {
        "eventName": "sched_process_exec",
        "processName": "sh",
        "args": [{"name": "prev_comm", "type": "string", "value": "nginx"}],
        "seen": 1767225601 * 10**9,
    }


def test_a_table_in_chunks_gives_what_its_parts_give() -> None:
    table = table_of(PAYLOADS)
    chunked = pa.concat_tables([table.slice(0, 2), table.slice(2, 0), table.slice(2)])
    stage = ArrowStage(errors=True)
    assert stage(chunked).equals(stage(table))
    assert stage(table.slice(0, 0)).num_rows == 0
    assert stage(table.to_batches()[0]).equals(stage(table))


def test_the_raw_event_is_the_event() -> None:
    table = table_of(PAYLOADS).append_column("record", pa.array([b"nonsense", *VALUES[1:]]))
    found = ArrowStage(errors=True)(table)
    assert found.column("event").to_pylist() == [VALUES[row].decode() for row in (1, 2, 4)]


@pytest.mark.parametrize("name", ["raw_event", "record"])
@pytest.mark.parametrize("damage", [b"nonsense", b"[]", b"1", b"", b"\xff", None])
def test_a_damaged_raw_event_costs_nothing_but_itself(name: str, damage: bytes | None) -> None:
    """The row is judged by its columns all the same, and its event is rebuilt from them."""
    table = table_of(PAYLOADS)
    rebuilt = ArrowStage(errors=True)(table)
    raw = table.append_column(name, pa.array([damage] * 4 + VALUES[4:], pa.binary()))
    found = ArrowStage(errors=True)(raw)
    assert found.column("error").to_pylist() == rebuilt.column("error").to_pylist()
    assert found.slice(0, 2).equals(rebuilt.slice(0, 2))
    assert found.column("event")[2].as_py() == VALUES[4].decode()


def test_bytes_that_are_no_text_stay_readable() -> None:
    table = pa.table(
        {
            "event_name": ["security_bprm_check"],
            "comm": ["nginx"],
            "pathname": pa.array([b"/\xff/sh"]),
            "digest": pa.array([b"\xfe\x01"]),
        }
    )
    found = ArrowStage()(table)
    found.validate(full=True)
    assert found.column("pathname").to_pylist() == ["/?/sh"]
    assert json.loads(found.column("event")[0].as_py())["digest"] == "\udcfe\x01"


def test_errors_are_counted_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage = ArrowStage(value_column="value")
    with caplog.at_level(logging.WARNING, "illshell.stage"):
        rows, found = stage.findings(column([*VALUES, b"x", *VALUES]))
    assert rows == [1, 4, 7, 10]
    assert found.column("error").null_count == 4
    assert [record.getMessage() for record in caplog.records] == [
        "3 events could not be judged; the first: can't convert argument pathname to string"
    ]


def test_the_rule_can_be_chosen_and_travels() -> None:
    rule = DetectorSpec.of(web_servers=("caddy",), shells=("fish",))
    stage = ArrowStage(rule, value_column="value")
    stage = pickle.loads(pickle.dumps(stage))
    value = json.dumps(process_exec("caddy", "fish")).encode()
    assert stage.findings(column([*VALUES, value]))[0] == [5]


@pytest.mark.parametrize(
    ("stage", "batch", "message"),
    [
        (BY_VALUE, pa.record_batch({"value": [1]}), "column value: Arrow type int64 holds no text"),
        (ArrowStage(), pa.record_batch({"value": ["x"]}), "column event_name: missing"),
        (ArrowStage(), WRONG, "column pathname: Arrow type int64 holds no text; expected utf8"),
    ],
    ids=["type", "columns", "type of a column"],
)
def test_wrong_columns(stage: ArrowStage, batch: pa.RecordBatch, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        stage.findings(batch)
