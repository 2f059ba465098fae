"""illshell.spark in a local session: batch and streaming, text and columns, the same findings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from generator import EXEC, MIXED, write_stream
from spark_driver import local_session, needs_spark, start_stream
from stage_oracle import is_hit
from tracee_events import bprm_check, process_exec

from illshell import ColumnError, stage
from illshell.formats.finding_rows import SCHEMA as ARROW_SCHEMA
from illshell.model.errors import MissingExtraError
from illshell.spark import SCHEMA, detect

pytestmark = [needs_spark, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

EVENTS = 20_000
IDENTITY = ("hostName", "timestamp", "hostThreadId", "hostProcessId", "threadStartTime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spark")


@pytest.fixture(scope="module")
def spark(folder: Path) -> Iterator[Any]:
    with local_session(folder) as session:
        yield session


@pytest.fixture(scope="module")
def lines(folder: Path) -> list[bytes]:
    """The events of a generated stream, half of each mix, in four files."""
    written: list[bytes] = []
    for mix in (MIXED, EXEC):
        path = folder / f"{mix.name}.jsonl"
        with path.open("wb") as out:
            write_stream(out, EVENTS // 2, seed=1016, mix=mix)
        written += path.read_bytes().splitlines()
        path.unlink()
    (folder / "text").mkdir()
    for part in range(4):
        data = b"\n".join(written[part * EVENTS // 4 : (part + 1) * EVENTS // 4])
        (folder / "text" / f"{part}.txt").write_bytes(data + b"\n")
    return written


@pytest.fixture(scope="module")
def expected(lines: list[bytes]) -> list[str]:
    uids = [finding.uid for finding in stage.findings(lines)]
    assert len(uids) == len(set(uids)) == sum(map(is_hit, lines)) > 50
    return sorted(uids)


def uids(rows: Any) -> list[str]:
    return sorted(row.uid for row in rows.select("uid").collect())


def test_the_schema_is_written_down_once() -> None:
    assert SCHEMA == (
        "uid string, signature_id string, signature_version string, signature_name string, "
        "severity int, event_name string, process_name string, pathname string, "
        "prev_comm string, position string, event string, error string"
    )


def test_json_lines_as_text(
    spark: Any, folder: Path, lines: list[bytes], expected: list[str]
) -> None:
    found = detect(spark.read.text(str(folder / "text")))
    assert [(field.name, field.dataType.simpleString()) for field in found.schema] == [
        tuple(column.split(" ")) for column in SCHEMA.split(", ")
    ]
    table = found.toArrow()
    assert table.schema.equals(ARROW_SCHEMA)
    assert sorted(table.column("uid").to_pylist()) == expected
    assert set(table.column("event").to_pylist()) == {x.decode() for x in lines if is_hit(x)}
    assert table.column("error").null_count == len(expected)


@pytest.mark.parametrize(
    "conf",
    [
        {"spark.sql.execution.arrow.maxRecordsPerBatch": "7"},
        {"spark.sql.execution.arrow.maxBytesPerBatch": "5000"},
        {"spark.sql.execution.arrow.useLargeVarTypes": "true"},
    ],
    ids=str,
)
def test_the_shape_of_spark_s_batches_is_no_matter(
    spark: Any, folder: Path, expected: list[str], conf: dict[str, str]
) -> None:
    before = {key: spark.conf.get(key) for key in conf}
    try:
        for key, value in conf.items():
            spark.conf.set(key, value)
        assert uids(detect(spark.read.text(str(folder / "text")))) == expected
    finally:
        for key, value in before.items():
            spark.conf.set(key, value)


def test_columns_from_parquet(
    spark: Any, folder: Path, lines: list[bytes], expected: list[str]
) -> None:
    rows: dict[str, list[Any]] = {
        name: [] for name in ("event_name", "task", "pathname", "prev_comm", *IDENTITY)
    }
    for line in lines:
        event = json.loads(line)
        arguments = {arg["name"]: arg["value"] for arg in event["args"]}
        rows["event_name"].append(event["eventName"])
        rows["task"].append(event["processName"])
        for name in ("pathname", "prev_comm"):
            value = arguments.get(name)
            rows[name].append(value if isinstance(value, str) else None)
        for name in IDENTITY:
            rows[name].append(event.get(name))
    path = str(folder / "events.parquet")
    pq.write_table(pa.table(rows), path)
    found = detect(spark.read.parquet(path), columns={"comm": "task"})
    table = found.toArrow()
    assert sorted(table.column("uid").to_pylist()) == expected
    event = json.loads(table.column("event")[0].as_py())
    assert event["hostName"] in rows["hostName"]
    # Other events stay in the JVM, or in the file.
    wanted = r"event_name#\d+ IN \(security_bprm_check,sched_process_exec\)"
    assert re.search(wanted, plan_of(found))


def plan_of(df: Any) -> str:
    return str(df._jdf.queryExecution().executedPlan().toString())


def test_values_of_a_queue_and_their_errors(spark: Any) -> None:
    from pyspark.sql import Observation

    hit = process_exec("nginx", "sh")
    cells = [
        json.dumps(hit, indent=1),
        json.dumps(process_exec("nginx", "ls")),
        json.dumps(bprm_check("nginx", None)),
        "nonsense",
        None,
        "",
    ]
    count = len(cells)
    kafka = spark.createDataFrame(
        pa.table(
            {
                "key": pa.array([b"key"] * count),
                "value": pa.array(cells).cast(pa.binary()),
                "topic": ["events"] * count,
                "partition": pa.array([3] * count, pa.int32()),
                "offset": range(count),
            }
        )
    )
    rows = detect(kafka, errors=True).orderBy("error").collect()
    assert [row.error for row in rows] == [
        None,
        "argument pathname is not initialized",
        "column value: the value is null",
        "not a JSON object",
    ]
    assert [row.event for row in rows[2:]] == [None, "nonsense"]
    assert [row.signature_id for row in rows] == ["TRC-1016", None, None, None]

    counts = Observation("seen")
    [row] = detect(kafka, observation=counts).collect()
    assert json.loads(row.event) == hit
    assert counts.get == {"findings": 1, "errors": 3}
    # An event that does not say who it is gets the uid of its place in the queue.
    from_the_queue = row.uid
    [row] = detect(kafka.where("offset = 0")).collect()
    assert row.uid == from_the_queue
    [row] = detect(kafka.withColumn("offset", kafka["offset"] + 1)).collect()
    assert row.uid != from_the_queue


def test_the_rule_can_be_chosen(spark: Any) -> None:
    texts = [process_exec("caddy", "fish"), process_exec("nginx", "sh"), bprm_check("caddy", "/f")]
    df = spark.createDataFrame(pa.table({"line": [json.dumps(each) for each in texts]}))
    found = detect(df, value_column="line", web_servers=["caddy"], shells=["fish"])
    assert [row.prev_comm for row in found.collect()] == ["caddy"]
    assert detect(df, value_column="line", events=["security_bprm_check"]).count() == 0


@pytest.mark.parametrize(
    ("ddl", "options", "message"),
    [
        ("a string", {}, "column event_name: missing"),
        ("value string", {"value_column": "line"}, "column line: missing; there is value"),
        ("event_name string, comm string", {}, "column pathname: missing, and prev_comm too"),
        ("value string", {"columns": {"comm": "x"}}, "column event_name: missing"),
    ],
)
def test_missing_columns_are_told_at_once(
    spark: Any, ddl: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ColumnError, match=message):
        detect(spark.createDataFrame([], ddl), **options)


def test_without_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql.functions", None)
    with pytest.raises(MissingExtraError, match=r"^pyspark is not installed: pip install 'illsh"):
        detect(None)  # type: ignore[arg-type]


def test_a_stream_goes_on_where_it_stopped(
    spark: Any, folder: Path, lines: list[bytes], expected: list[str]
) -> None:
    incoming, out, checkpoint = (folder / name for name in ("incoming", "out", "checkpoint"))
    incoming.mkdir()
    seen = []
    for part in range(4):
        (incoming / f"{part}.txt").symlink_to(folder / "text" / f"{part}.txt")
        if part in (1, 3):
            query = start_stream(spark, incoming, out, checkpoint)
            query.awaitTermination()
            seen += [progress.observedMetrics["illshell"] for progress in query.recentProgress]
    assert uids(spark.read.parquet(str(out))) == expected
    assert sum(row.findings for row in seen) == len(expected)
    assert sum(row.errors for row in seen) == 0
