"""illshell in Spark, batch and Structured Streaming: a DataFrame of events in, findings out.

    from illshell.spark import detect
    findings = detect(spark.read.text("events/"))

Spark hands each task its rows as Arrow record batches; what they hold is judged where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from illshell.detect.spec import DetectorSpec
from illshell.formats.finding_fields import DDL
from illshell.model.errors import ColumnError
from illshell.model.extras import import_extra
from illshell.model.fields import EVENT_NAME, choose_columns
from illshell.readers.json_values import COORDINATES
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    PATHNAME,
    PREV_COMM,
    SHELLS,
    WEB_SERVERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame, Observation

    from illshell.detect.arrow_stage import ArrowStage
    from illshell.detect.spec import SignatureFactory

SCHEMA: Final = DDL
"""The columns of the result as DDL, described in :data:`illshell.formats.finding_fields.FIELDS`."""

VALUE: Final = "value"
"""What Spark calls the column of text that ``spark.read.text`` and its Kafka source give."""


def detect(
    df: DataFrame,
    *,
    signatures: Iterable[SignatureFactory] | None = None,
    events: Iterable[str] = EVENTS,
    columns: Mapping[str, str] | None = None,
    value_column: str | None = None,
    key: str = "host",
    idle_timeout: timedelta | None = timedelta(days=7),
    errors: bool = False,
    observation: str | Observation = "illshell",
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> DataFrame:
    """Return the findings among the events of a DataFrame, batch or streaming, as :data:`SCHEMA`.

    ``df`` holds the events in one of two ways. In columns: event name, comm, ``pathname`` and
    ``prev_comm``, called as :data:`illshell.model.fields.FIELDS` says or as ``columns`` does. Or as
    JSON, one event a value of ``value_column`` (string or binary); that is ``value`` where neither
    is given and ``df`` has no columns of events. Blank values are passed over.

    ``event`` is the event's JSON, as it came or rebuilt from all columns of its row; ``uid`` is the
    same on every run. An event that could not be judged is a row with ``error`` and without
    ``uid`` if ``errors``; else it is counted only, in the executor's log and in ``observation``,
    which has ``findings`` and ``errors``: see ``DataFrame.observe``. Give each of several calls
    in one query an observation of its own name.

    ``key`` and ``idle_timeout`` matter where a signature keeps state. All events with one value of
    ``key``, a column of ``df`` or a field out of :data:`illshell.model.fields.FIELDS`, are one
    stream, ordered by the columns ``topic``, ``partition`` and ``offset`` where all three are
    there, else by the event's time. A streaming query keeps the state of each stream in Spark's
    state store, and forgets that of one without an event for ``idle_timeout`` (None: never).

    Raises ColumnError where ``df`` lacks the columns, MissingExtraError without PySpark,
    IllshellError where Spark can't keep state. The executors need illshell and pyarrow:
    docs/integrations.md says how they come by them, and more about state.
    """
    functions = import_extra("pyspark.sql.functions", "spark")
    import_extra("pyarrow", "spark")
    spec = DetectorSpec.of(signatures, events=events, web_servers=web_servers, shells=shells)
    if value_column is None and columns is None and VALUE in df.columns and not _has_events(df):
        value_column = VALUE
    with spec.make() as detector:
        event_names, is_stateful = detector.event_names, detector.is_stateful
    chosen: dict[str, str] = {}
    if value_column is None:
        chosen = choose_columns(df.columns, columns or {})
        if PATHNAME not in chosen and PREV_COMM not in chosen:
            raise ColumnError(PATHNAME, f"missing, and {PREV_COMM} too: nothing can be judged")
        df = _selected(df, chosen[EVENT_NAME], event_names)
    elif value_column not in df.columns:
        raise ColumnError(value_column, f"missing; there is {', '.join(df.columns) or 'nothing'}")
    names = None if columns is None else dict(columns)
    if is_stateful:
        from illshell.detect.arrow_stage import ArrowStage
        from illshell.detect.spark_state import verdicts_by_key

        stage = ArrowStage(spec, names, value_column, errors=True)
        verdicts = verdicts_by_key(df, stage, key, chosen, idle_timeout)
    else:
        if value_column is not None:
            df = df.select(*(name for name in df.columns if name in (value_column, *COORDINATES)))
        verdicts = df.mapInArrow(_Task(spec, names, value_column), SCHEMA)
    verdicts = verdicts.observe(
        observation,
        functions.count("uid").alias("findings"),
        functions.count("error").alias("errors"),
    )
    return verdicts if errors else verdicts.where(functions.col("error").isNull())


def _has_events(df: DataFrame) -> bool:
    try:
        choose_columns(df.columns, {})
    except ColumnError:
        return False
    return True


def _selected(df: DataFrame, event_name: str, wanted: Sequence[str] | None) -> DataFrame:
    """Leave out events that no signature selects before they are handed to Python."""
    types: Any = import_extra("pyspark.sql.types", "spark")
    if wanted is not None and isinstance(df.schema[event_name].dataType, types.StringType):
        return df.where(df[event_name].isin(*wanted))
    return df


@dataclass(frozen=True, slots=True)
class _Task:
    """What an executor runs on the record batches of a partition."""

    spec: DetectorSpec
    columns: Mapping[str, str] | None
    value_column: str | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stage = self._stage()
        for batch in batches:
            _, found = stage.findings(batch)
            if found.num_rows:
                yield found

    def _stage(self) -> ArrowStage:
        from illshell.detect.arrow_stage import ArrowStage

        return ArrowStage(self.spec, self.columns, self.value_column, errors=True)
