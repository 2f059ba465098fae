"""Signatures with state in Spark: what runs on the executors, and where the state is kept.

In a batch query the rows come sorted by key, and a stream ends where the next key begins. In a
streaming query Spark's ``transformWithState`` keeps one map a bucket of keys: key to snapshot and
when the last event was seen, so that a bucket can forget hosts that went away whenever it is
called. Spark's own timers and TTL would do that too, but a query with them runs empty batches
without end, and one with ``availableNow`` never finishes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import Row
from pyspark.sql import functions as f
from pyspark.sql import types as t
from pyspark.sql.streaming import StatefulProcessor

from illshell.detect.keyed import (
    ARRIVAL,
    KEY,
    MARKS,
    NO_KEY,
    TIME,
    KeyedDetector,
    KeyMarker,
    order_of,
    packed,
    runs,
    unpacked,
)
from illshell.formats.finding_fields import DDL, FIELDS
from illshell.formats.finding_rows import record_batch
from illshell.model import fields
from illshell.model.errors import ColumnError, IllshellError
from illshell.readers.json_values import COORDINATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta

    from pyspark.sql import Column, DataFrame

    from illshell.detect.arrow_stage import ArrowStage
    from illshell.detect.verdict import Verdict

PACKED: Final = "bucket int, part binary"
"""The columns of packed rows as DDL."""

_PACKED: Final = pa.schema([("bucket", pa.int32()), ("part", pa.binary())])
_FINDING: Final = Row(*FIELDS)

SWEEPS: Final = 10
"""How often within the idle timeout a bucket looks for keys to forget."""


STATE_STORE: Final = "spark.sql.streaming.stateStore.providerClass"
ROCKSDB: Final = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"


def verdicts_by_key(
    df: DataFrame,
    stage: ArrowStage,
    key: str,
    chosen: Mapping[str, str],
    idle_timeout: timedelta | None,
) -> DataFrame:
    """Return the verdicts of signatures with state on the events of a DataFrame, as DDL.

    ``key``: a column, or the field of the event that is the key. ``chosen``: which columns are
    which fields; empty for JSON. Raises ColumnError where there is no such key, ValueError for a
    timeout that is not positive, IllshellError where Spark can't keep state.
    """
    column = key if key in df.columns else chosen.get(fields.field_name(key))
    field = None
    if column is None:
        field = fields.FIELDS.get(fields.field_name(key))
        if chosen or field is None or field.key is None:
            raise ColumnError(key, "missing: signatures keep state by it; choose another key")
    if idle_timeout is not None and idle_timeout.total_seconds() <= 0:
        raise ValueError(f"idle_timeout must be positive, not {idle_timeout}")
    kept: list[Any] = ["*"]
    if stage.value_column is not None:
        kept = [name for name in df.columns if name in (stage.value_column, *COORDINATES)]
    if column is not None:
        kept.append(_key_of(df, column).alias(KEY))
    if stage.value_column is None:
        kept.append(_time_of(df, chosen.get("time")).alias(TIME))
    df = df.select(*kept)
    marker = KeyMarker(stage, None if field is None else field.name)
    if df.isStreaming:
        return _with_spark_s_state(df, marker, idle_timeout)
    if stage.value_column is None:
        df = df.withColumn(ARRIVAL, f.monotonically_increasing_id())
    else:
        values = [each for each in df.schema.fields if each.name not in MARKS]
        marks = [t.StructField(name, _TYPES[kind]) for name, kind in MARKS.items()]
        df = df.mapInArrow(MarkTask(marker), t.StructType(values + marks))
    order = [f.col(name).asc_nulls_last() for name in (KEY, *order_of(df.columns))]
    return df.repartition(KEY).sortWithinPartitions(*order).mapInArrow(SortedTask(stage), DDL)


_TYPES: Final = {"string": t.StringType(), "bigint": t.LongType()}


def _key_of(df: DataFrame, column: str) -> Column:
    """Return the key of each row as text; bytes in hexadecimal."""
    value = df[column]
    is_binary = isinstance(df.schema[column].dataType, t.BinaryType)
    return f.coalesce(f.hex(value) if is_binary else value.cast("string"), f.lit(NO_KEY))


def _time_of(df: DataFrame, column: str | None) -> Column:
    """Return what orders rows by time; null where the column holds neither numbers nor times."""
    if column is None:
        return f.lit(None).cast("bigint")
    kind = df.schema[column].dataType
    if isinstance(kind, t.TimestampNTZType):
        return f.unix_micros(df[column].cast("timestamp"))
    if isinstance(kind, t.TimestampType):
        return f.unix_micros(df[column])
    return df[column].try_cast("bigint") if isinstance(kind, t.NumericType) else _time_of(df, None)


def _with_spark_s_state(
    df: DataFrame, marker: KeyMarker, idle_timeout: timedelta | None
) -> DataFrame:
    store = str(df.sparkSession.conf.get(STATE_STORE))
    if "HDFSBacked" in store:
        raise IllshellError(
            "signatures with state need Spark's RocksDB state store: "
            f"set {STATE_STORE} to {ROCKSDB}"
        )
    buckets = df.mapInArrow(PackTask(marker), PACKED).groupBy("bucket")
    if not hasattr(buckets, "transformWithState"):
        raise IllshellError("signatures with state need PySpark 4.1 or later in a streaming query")
    timeout = None if idle_timeout is None else int(idle_timeout.total_seconds() * 1000)
    processor = BucketProcessor(marker.stage, timeout)
    return buckets.transformWithState(processor, DDL, "Append", "None")


@dataclass(frozen=True, slots=True)
class MarkTask:
    """Marks the rows of a partition."""

    marker: KeyMarker

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows with their marks."""
        yield from self.marker.marked(batches, _partition())


@dataclass(frozen=True, slots=True)
class PackTask:
    """Marks the rows of a partition and packs them by bucket, as PACKED."""

    marker: KeyMarker

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield packed rows."""
        for batch in self.marker.marked(batches, _partition()):
            if parts := list(packed(batch)):
                yield pa.record_batch(list(zip(*parts, strict=True)), schema=_PACKED)


def _partition() -> int:
    context = TaskContext.get()
    assert context is not None
    return int(context.partitionId())


@dataclass(frozen=True, slots=True)
class SortedTask:
    """Runs signatures on the rows of a partition, which are sorted by key and order."""

    stage: ArrowStage

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the verdicts."""
        detector = KeyedDetector(self.stage)
        current = None
        for batch in batches:
            found: list[Verdict] = []
            for key, rows in runs(batch):
                if key != current:
                    if current is not None:
                        found += detector.end()
                    detector.begin(key)
                    current = key
                found += detector.verdicts(rows)
            if found:
                yield record_batch(found)
        if current is not None and (found := detector.end()):
            yield record_batch(found)
        detector.close()


class BucketProcessor(StatefulProcessor):  # type: ignore[misc]
    """Runs signatures on the rows of one bucket in a micro-batch and keeps the state of each key.

    ``idle_timeout``: milliseconds without an event after which a key's state is forgotten; None for
    never.
    """

    def __init__(self, stage: ArrowStage, idle_timeout: int | None) -> None:
        self._stage = stage
        self._idle_timeout = idle_timeout

    def init(self, handle: Any) -> None:
        """Open the state."""
        self._states = handle.getMapState("states", "key string", "snapshot binary, seen bigint")
        self._swept = handle.getValueState("swept", "at bigint")
        self._detector = KeyedDetector(self._stage)

    def handleInputRows(  # noqa: N802 - Spark's name
        self,
        key: Any,
        rows: Iterator[Any],
        timerValues: Any,  # noqa: N803
    ) -> Iterator[Any]:
        """Return the findings among the packed rows, after the state was updated."""
        now = time.time_ns() // 1_000_000
        current = None
        found: list[Verdict] = []
        for batch in unpacked(bytes(row.part) for row in rows):
            for name, part in runs(batch):
                if name != current:
                    if current is not None:
                        self._save(current, now)
                    self._detector.begin(name, self._state_of(name, now))
                    current = name
                found += self._detector.verdicts(part)
        if current is not None:
            self._save(current, now)
        self._forget(now)
        return iter(_rows(found))

    def close(self) -> None:
        """Close the signatures."""
        self._detector.close()

    def _state_of(self, key: str, now: int) -> bytes | None:
        value = self._states.getValue((key,))
        if value is None or self._is_idle(value[1], now):
            return None
        return bytes(value[0])

    def _save(self, key: str, now: int) -> None:
        self._states.updateValue((key,), (self._detector.snapshot(), now))

    def _is_idle(self, seen: int, now: int) -> bool:
        return self._idle_timeout is not None and seen < now - self._idle_timeout

    def _forget(self, now: int) -> None:
        """Remove the states of keys that are idle, if that was not done lately."""
        if self._idle_timeout is None:
            return
        swept = self._swept.get()
        if swept is None:
            self._swept.update((now,))
        elif now - swept[0] >= self._idle_timeout // SWEEPS:
            states = self._states.iterator()
            for key in [key for key, value in states if self._is_idle(value[1], now)]:
                self._states.removeKey(key)
            self._swept.update((now,))


def _rows(found: Iterable[Verdict]) -> Iterator[Any]:
    columns = record_batch(found).to_pydict().values()
    return (_FINDING(*values) for values in zip(*columns, strict=True))
