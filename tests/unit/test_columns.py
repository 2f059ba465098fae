"""Columns from other people's data: every layout, clear refusals, and events rebuilt from rows."""

from __future__ import annotations

from typing import Any

import nanoarrow as na
import numpy as np
import pyarrow as pa
import pytest

from illshell import (
    ColumnError,
    EventBatch,
    Finding,
    IllegitimateShell,
    SignatureContext,
    match,
)
from illshell.signatures.illegitimate_shell.names import EVENTS


class ArrayOnly:
    """Exposes nothing but the PyCapsule method, as an unknown library would."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self._data.__arrow_c_array__(requested_schema)


class StreamOnly:
    """The same for streams."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._data.__arrow_c_stream__(requested_schema)


RECORDS = pa.record_batch(
    {
        "eventName": pa.array([EVENTS[0], EVENTS[1], "open", EVENTS[0]]).dictionary_encode(),
        "comm": ["nginx", "sh", "nginx", "cat"],
        "pathname": ["/bin/sh", None, "/bin/sh", "/bin/sh"],
        "prev_comm": [None, "apache2", None, None],
        "hostName": ["a", "b", "c", "d"],
        "hostProcessId": [1, 2, None, 4],
    }
)


def findings(batches: Any) -> list[Finding]:
    found: list[Finding] = []
    signature = IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    for batch in batches:
        assert len(signature.on_batch(batch)) == 0
    return found


def test_events_are_rebuilt_from_all_the_rows_columns() -> None:
    first, second = findings([EventBatch.from_arrow(RECORDS)])
    assert first.event.payload == {
        "eventName": "security_bprm_check",
        "processName": "nginx",
        "args": [{"name": "pathname", "type": "string", "value": "/bin/sh"}],
        "hostName": "a",
        "hostProcessId": 1,
    }
    assert second.event.payload["args"] == [
        {"name": "prev_comm", "type": "string", "value": "apache2"}
    ]
    assert second.event.headers.selector.name == "sched_process_exec"


@pytest.mark.parametrize(
    "data",
    [
        RECORDS,
        ArrayOnly(RECORDS),
        StreamOnly(pa.table(RECORDS)),
        pa.table(RECORDS),
        pa.concat_tables([pa.table(RECORDS.slice(0, 1)), pa.table(RECORDS.slice(1))]),
        pa.RecordBatchReader.from_batches(RECORDS.schema, [RECORDS.slice(0, 0), RECORDS]),
        na.c_array(RECORDS),
        RECORDS.to_struct_array(),
    ],
    ids=["batch", "array", "stream", "table", "chunks", "reader", "nanoarrow", "struct"],
)
def test_whoever_speaks_the_capsule_interface(data: Any) -> None:
    assert [f.event.payload["hostName"] for f in findings(EventBatch.iter_arrow(data))] == [
        "a",
        "b",
    ]


def test_a_struct_array_with_an_offset() -> None:
    sliced = RECORDS.to_struct_array().slice(1, 2)
    [finding] = findings([EventBatch.from_arrow(sliced)])
    assert finding.event.payload["hostName"] == "b"


def test_names_can_be_mapped() -> None:
    table = RECORDS.rename_columns(["kind", "task", "exe", "before", "hostName", "pid"])
    columns = {"event_name": "kind", "comm": "task", "pathname": "exe"}
    for given in (columns, {"eventName": "kind", "process_name": "task", "pathname": "exe"}):
        [finding] = findings([EventBatch.from_arrow(table.slice(0, 1), given)])
        assert finding.event.payload["processName"] == "nginx"
        assert finding.event.payload["before"] is None
    with pytest.raises(
        ColumnError,
        match="column pathname: missing: no column is called path; the columns are kind, task, exe",
    ):
        EventBatch.from_arrow(table, {**columns, "pathname": "path"})
    with pytest.raises(
        ColumnError, match="column proc: unknown field; expected one of event_name, comm, prev_comm"
    ):
        EventBatch.from_arrow(table, {"proc": "task"})


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("eventName", "event_name: missing: no column is called event_name or eventName; the colu"),
        ("comm", "comm: missing: no column is called comm or processName or process_name; the col"),
    ],
)
def test_a_missing_column_is_named(missing: str, message: str) -> None:
    with pytest.raises(ColumnError, match=rf"column {message}.*hostName, hostProcessId$"):
        EventBatch.from_arrow(RECORDS.drop_columns([missing]))


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (pa.array([1, 2]), "int64"),
        (pa.array([["nginx"], []]), "list"),
        (pa.array([{"a": 1}] * 2), "struct"),
        (pa.RunEndEncodedArray.from_arrays([2], ["nginx"]), "run_end_encoded"),
        (pa.array([None, None]), "na|null"),
        (pa.array([1, 1]).dictionary_encode(), "int64"),
    ],
)
def test_a_type_that_holds_no_names_is_refused(array: pa.Array, name: str) -> None:
    data = pa.record_batch({"event_name": ["x", "y"], "comm": array})
    with pytest.raises(ColumnError, match=rf"(?s)^column comm: .*({name}).*expected utf8"):
        EventBatch.from_arrow(data)


def test_a_column_of_nulls_is_an_absent_one() -> None:
    data = RECORDS.drop_columns(["prev_comm"]).append_column("prev_comm", pa.nulls(4))
    batch = EventBatch.from_arrow(data)
    assert "prev_comm" not in batch
    assert batch.get("prev_comm") is None


def test_what_is_no_struct_is_refused() -> None:
    with pytest.raises(ColumnError, match="Arrow data of type string; expected a struct"):
        EventBatch.from_arrow(pa.array(["nginx"]))
    with pytest.raises(ColumnError, match="rows of the struct itself are null"):
        EventBatch.from_arrow(pa.array([None, {"event_name": "x", "comm": "y"}]))
    twice = pa.RecordBatch.from_arrays([pa.array(["x"])] * 3, ["event_name", "comm", "comm"])
    with pytest.raises(ColumnError, match="2 columns are called comm"):
        EventBatch.from_arrow(twice)


def test_null_comms_are_errors_that_say_so() -> None:
    data = pa.record_batch(
        {"event_name": list(EVENTS), "comm": pa.nulls(2, pa.string()), "prev_comm": ["a", "b"]}
    )
    signature = IllegitimateShell(EVENTS)
    signature.init(SignatureContext(lambda _finding: None))
    errors = signature.on_batch(EventBatch.from_arrow(data))
    assert errors.rows.tolist() == [0, 1]
    assert [(row, str(error)) for row, error in errors] == [
        (row, f"column comm: row {row} is null") for row in range(2)
    ]
    assert errors[-1][0] == 1
    assert len(errors[:1]) == 1


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (np.array(["nginx"]), "dtype <U5 holds no zero-padded bytes; S16"),
        (np.array([b"nginx"], object), "dtype object"),
        (np.array([5]), "dtype int64"),
        (np.array([[b"nginx"]]), r"shape \(1, 1\)"),
        ("nginx", "str, where an array of dtype S16 would do"),
        ((np.array([0, 5], ">i4"), b"nginx"), "offsets of dtype >i4; contiguous native int32"),
        ((np.array([0.0, 5.0]), b"nginx"), "offsets of dtype float64"),
        ((np.array([0, 9, 5, 9], np.int32)[::2], b"nginx"), "offsets of dtype int32; contiguous"),
        ((np.array([], np.int32), b""), "offsets are empty"),
        ((np.array([0, 5], np.int32), np.zeros(5, np.int32)), "values of dtype int32; uint8"),
        ((np.arange(99, dtype=np.int32), b"x", b""), "validity: 0 bytes are too few"),
        ((np.array([0, 1], np.int32), b"x", np.array([True])), "validity of dtype bool; uint8"),
    ],
)
def test_numpy_columns_that_hold_no_names_are_refused(column: Any, message: str) -> None:
    with pytest.raises(ColumnError, match=f"column comm: {message}"):
        EventBatch.from_numpy({"event_name": EVENTS[0], "comm": column})


def test_numpy_data_that_is_no_table_is_refused() -> None:
    for data in (np.zeros(3, "S16"), [1], None):
        with pytest.raises(ColumnError, match="neither a structured array nor a mapping"):
            EventBatch.from_numpy(data)


def test_read_only_and_memory_mapped_arrays(tmp_path: Any) -> None:
    dtype = [("event_name", "S20"), ("comm", "S16"), ("pathname", "S32"), ("pid", ">i4")]
    array = np.zeros(3, dtype)
    array[1] = (EVENTS[0], b"apache2", b"/usr/bin/dash", 77)
    array.tofile(tmp_path / "events")
    mapped = np.memmap(tmp_path / "events", dtype, "r")
    [finding] = findings([EventBatch.from_numpy(mapped)])
    assert finding.event.payload["hostProcessId"] == 77
    assert finding.event.payload["processName"] == "apache2"


def test_a_record_column_gives_the_whole_event() -> None:
    text = '{"eventName":"security_bprm_check","processName":"nginx","args":[],"userId":33}'
    data = pa.record_batch(
        {"event_name": [EVENTS[0]], "comm": ["nginx"], "pathname": ["/bin/sh"], "record": [text]}
    )
    [finding] = findings([EventBatch.from_arrow(data)])
    assert finding.event.payload["userId"] == 33


def test_masked_rows_are_null() -> None:
    comm = np.ma.array(np.array([b"nginx", b"nginx", b"cron"], "S16"), mask=[True, False, True])
    path = np.array([b"/bin/sh"] * 3, "S16")
    data = {"event_name": EVENTS[0], "comm": comm, "pathname": path}
    matches = match(data)
    assert (matches.rows.tolist(), matches.errors.tolist()) == ([1], [0, 2])


def test_names_of_codes_are_text() -> None:
    comm = np.array([b"nginx"], "S16")
    with pytest.raises(ColumnError, match="event_name: a name of type int; str or bytes would do"):
        match({"event_name": (np.zeros(1, np.int8), [5]), "comm": comm})
