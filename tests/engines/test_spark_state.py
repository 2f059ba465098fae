"""Signatures with state in Spark: the same findings as a plain loop, in batch and in streaming."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import exec_count
import pyarrow as pa
import pytest
from exec_count import EVERY, ExecCount
from spark_driver import ROCKSDB, STATE_STORE, local_session, needs_spark, start_stream
from tracee_events import process_exec

from illshell import stage
from illshell.model.errors import IllshellError
from illshell.spark import detect

pytestmark = [needs_spark, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

HOSTS = 20
PARTS = 4
EACH = 200
CHOICE: dict[str, Any] = {"signatures": [ExecCount, "TRC-1016"]}


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("spark")
    # What Spark's addPyFile ships does not reach the Python process that the driver starts.
    modules = Path(exec_count.__file__).parent
    with local_session(folder, modules=modules, **{STATE_STORE: ROCKSDB}) as session:
        yield session


def events_of(hosts: int = HOSTS) -> list[dict[str, Any]]:
    """Execs of several hosts in the order of their times; some are wrong, one in ten is a hit."""
    chance = random.Random(1016)
    events = []
    for number in range(PARTS * EACH):
        event = process_exec("nginx", chance.choice(["", "sh", *["ls"] * 8]))
        event |= {"hostName": f"host-{chance.randrange(hosts)}", "hostProcessId": 1 + number}
        events.append(event | {"timestamp": 1_700_000_000_000_000_000 + number})
    return events


def lines_of(events: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


def expected_of(lines: list[bytes]) -> list[tuple[str, str]]:
    findings = stage.findings(lines, **CHOICE, on_error=lambda _line, _error: None)
    found = [(each.uid, each.sig_metadata.id) for each in findings]
    assert {signature for _, signature in found} == {"EX-1", "TRC-1016"}
    return sorted(found)


def found_in(rows: Any) -> list[tuple[str, str]]:
    return sorted((row.uid, row.signature_id) for row in rows if row.error is None)


def write_parts(folder: Path, lines: list[bytes], *, dealt: bool) -> None:
    """Write the lines to files, one after the other or dealt out like cards."""
    folder.mkdir()
    for part in range(PARTS):
        some = lines[part::PARTS] if dealt else lines[part * EACH : (part + 1) * EACH]
        path = folder / f"{part}.txt"
        path.write_bytes(b"\n".join(some) + b"\n")
        os.utime(path, (part, part))


def test_a_host_is_one_stream_by_time_whatever_file_its_events_are_in(
    spark: Any, tmp_path: Path
) -> None:
    lines = lines_of(events_of())
    write_parts(tmp_path / "in", [*lines, b"nonsense"], dealt=True)
    rows = detect(spark.read.text(str(tmp_path / "in")), errors=True, **CHOICE).collect()
    assert found_in(rows) == expected_of(lines)
    errors = [row.error for row in rows if row.error is not None]
    nameless = sum(b'"processName": ""' in line for line in lines)
    assert errors.count("an exec without a process name") == nameless == len(errors) - 1
    assert any(error.endswith("not a JSON object") for error in errors)


def test_columns_keep_their_values_and_follow_the_position_in_kafka(spark: Any) -> None:
    events = events_of()
    lines = lines_of(events)
    expected = [uid for uid, signature in expected_of(lines) if signature == "EX-1"]
    rows: list[dict[str, Any]] = []
    for offset, event in enumerate(events):
        columns = {"event_name": event["eventName"], "comm": event["processName"], "prev_comm": "x"}
        identity = {name: event[name] for name in ("hostProcessId", "timestamp")}
        rows.append({**columns, **identity, "offset": offset, "topic": "t", "partition": 0})
        rows[-1]["machine"] = event["hostName"]
    random.Random(1016).shuffle(rows)
    df = spark.createDataFrame(pa.Table.from_pylist(rows))
    found = detect(df, signatures=[ExecCount], columns={"host": "machine"}).collect()
    assert sorted(row.uid for row in found) == expected
    assert json.loads(found[0].event)["hostName"].startswith("host-")
    assert "__illshell" not in found[0].event
    assert [json.loads(row.position)["offset"] for row in found] == [
        json.loads(row.event)["offset"] for row in found
    ]


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("double", [float("nan"), float("inf"), 1.0, 3.0, 2.0, None]),
        ("timestamp", [None, None, *(datetime(2026, 1, day) for day in (1, 3, 2)), None]),
        ("string", ["x", "y", "1", "3", "2", None]),
    ],
)
def test_times_of_any_type(spark: Any, kind: str, times: list[Any]) -> None:
    rows = [("sched_process_exec", "sh", "x", "h", n, each) for n, each in enumerate(times)]
    ddl = f"event_name string, comm string, prev_comm string, host string, n int, time {kind}"
    found = detect(spark.createDataFrame(rows, ddl).coalesce(1), signatures=[ExecCount]).collect()
    by_time = 3 if kind != "string" else 2  # else as they arrived
    assert [json.loads(row.event)["n"] for row in found] == [by_time, 5]


def run(spark: Any, folder: Path, **options: Any) -> list[Any]:
    """Run the query on what is in the folder now, file by file; return what it observed."""
    places = [folder / name for name in ("in", "out", "checkpoint")]
    query = start_stream(spark, *places, **CHOICE, **options)
    query.awaitTermination()
    return [each.observedMetrics["illshell"] for each in query.recentProgress if each.numInputRows]


def test_a_stream_resumes_the_state_of_each_host(spark: Any, tmp_path: Path) -> None:
    lines = lines_of(events_of())
    write_parts(tmp_path / "all", lines, dealt=False)
    (tmp_path / "in").mkdir()
    seen = []
    for part in range(PARTS):
        (tmp_path / "in" / f"{part}.txt").symlink_to(tmp_path / "all" / f"{part}.txt")
        if part in (1, 3):
            seen += run(spark, tmp_path)
    expected = expected_of(lines)
    assert found_in(spark.read.parquet(str(tmp_path / "out")).collect()) == expected
    assert len(seen) == PARTS
    assert sum(row.findings for row in seen) == len(expected)
    assert sum(row.errors for row in seen) == sum(b'"processName": ""' in line for line in lines)


def test_the_state_of_a_host_that_went_away_is_forgotten(spark: Any, tmp_path: Path) -> None:
    lines = lines_of(events_of())
    write_parts(tmp_path / "in", lines, dealt=False)
    run(spark, tmp_path, idle_timeout=timedelta(milliseconds=1))
    parts = [lines[part * EACH : (part + 1) * EACH] for part in range(PARTS)]
    expected = sorted(each for part in parts for each in expected_of(part))
    assert expected != expected_of(lines)
    assert found_in(spark.read.parquet(str(tmp_path / "out")).collect()) == expected


def test_no_state_no_shuffle(spark: Any) -> None:
    df = spark.createDataFrame([], "value string, other string")
    plan = detect(df)._jdf.queryExecution().executedPlan().toString()
    assert "Exchange" not in plan
    plan = detect(df, signatures=[ExecCount])._jdf.queryExecution().executedPlan().toString()
    assert "Exchange hashpartitioning(__illshell_key" in plan


@pytest.mark.parametrize(
    ("ddl", "options", "message"),
    [
        ("event_name string, comm string, pathname string", {}, "column host: missing: signatures"),
        ("value string", {"key": "hosts"}, "column hosts: missing: signatures keep state by it"),
        ("value string", {"idle_timeout": timedelta(0)}, "idle_timeout must be positive"),
    ],
)
def test_what_state_needs(spark: Any, ddl: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detect(spark.createDataFrame([], ddl), signatures=[ExecCount], **options)


def test_a_state_store_that_cannot_do_it(spark: Any, tmp_path: Path) -> None:
    lines = spark.readStream.text(str(tmp_path))
    spark.conf.set(STATE_STORE, ROCKSDB.replace("RocksDB", "HDFSBacked"))
    try:
        with pytest.raises(
            IllshellError, match=f"RocksDB state store: set {STATE_STORE} to {ROCKSDB}"
        ):
            detect(lines, signatures=[ExecCount])
    finally:
        spark.conf.set(STATE_STORE, ROCKSDB)


def test_the_key_may_be_a_column_beside_the_values(spark: Any) -> None:
    line = json.dumps(process_exec("nginx", "ls")).encode()
    rows = [(key, line, "t", 0, n) for n, key in enumerate([b"\xff", b"\xfe"] * EVERY)]
    df = spark.createDataFrame(
        rows, "key binary, value binary, topic string, partition int, offset long"
    )
    found = detect(df, signatures=[ExecCount], key="key").collect()
    assert sorted(json.loads(row.position)["offset"] for row in found) == [4, 5]
