"""illshell in Spark, batch and Structured Streaming: a DataFrame of events in, findings out.

    from illshell.spark import detect
    findings = detect(spark.read.text("events/"))

Spark hands each task its rows as Arrow record batches; what they hold is judged where it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from illshell.detect.verdicts import Rule
from illshell.formats.finding_fields import FIELDS
from illshell.model.errors import ColumnError
from illshell.model.extras import import_extra
from illshell.model.fields import choose_columns
from illshell.readers.json_values import COORDINATES
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    PATHNAME,
    PREV_COMM,
    SHELLS,
    WEB_SERVERS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame, Observation

    from illshell.detect.arrow_stage import ArrowStage

SCHEMA: Final = ", ".join(f"{name} {kind}" for name, kind in FIELDS.items())
"""The columns of the result as DDL, described in :data:`illshell.formats.finding_fields.FIELDS`."""

VALUE: Final = "value"
"""What Spark calls the column of text that ``spark.read.text`` and its Kafka source give."""


def detect(
    df: DataFrame,
    *,
    events: Iterable[str] = EVENTS,
    columns: Mapping[str, str] | None = None,
    value_column: str | None = None,
    errors: bool = False,
    observation: str | Observation = "illshell",
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> DataFrame:
    """Give the findings among the events of a DataFrame, batch or streaming, as :data:`SCHEMA`.

    ``df`` holds the events in one of two ways. In columns: event name, comm, ``pathname`` and
    ``prev_comm``, called as :data:`illshell.model.fields.KNOWN_NAMES` says or as ``columns`` does.
    Or as JSON, one event a value of ``value_column`` (string or binary); that is ``value`` where
    neither is given and ``df`` has no columns of events. Blank values are passed over.

    ``event`` is the event's JSON, as it came or rebuilt from all columns of its row; ``uid`` is the
    same on every run. An event that could not be judged is a row with ``error`` and without
    ``uid`` if ``errors``; else it is counted only, in the executor's log and in ``observation``,
    which has ``findings`` and ``errors``: see ``DataFrame.observe``. Give each of several calls
    in one query an observation of its own name.

    Raises ColumnError where ``df`` lacks the columns, MissingExtraError without PySpark. The
    executors need illshell and pyarrow: docs/integrations.md says how they come by them.
    """
    functions = import_extra("pyspark.sql.functions", "spark")
    import_extra("pyarrow", "spark")
    rule = Rule.of(events, web_servers, shells)
    if value_column is None and columns is None and VALUE in df.columns and not _has_events(df):
        value_column = VALUE
    if value_column is None:
        chosen = choose_columns(df.columns, columns or {})
        if PATHNAME not in chosen and PREV_COMM not in chosen:
            raise ColumnError(PATHNAME, f"missing, and {PREV_COMM} too: nothing can be judged")
        df = _wanted(df, chosen["event_name"], rule.events)
    elif value_column not in df.columns:
        raise ColumnError(value_column, f"missing; there is {', '.join(df.columns) or 'nothing'}")
    else:
        kept = (value_column, *COORDINATES)
        df = df.select(*(name for name in df.columns if name in kept))
    task = _Task(rule, None if columns is None else dict(columns), value_column)
    error = functions.col("error")
    verdicts = df.mapInArrow(task, SCHEMA).observe(
        observation,
        functions.count("uid").alias("findings"),
        functions.count("error").alias("errors"),
    )
    return verdicts if errors else verdicts.where(error.isNull())


def _has_events(df: DataFrame) -> bool:
    try:
        choose_columns(df.columns, {})
    except ColumnError:
        return False
    return True


def _wanted(df: DataFrame, event_name: str, events: tuple[str, ...]) -> DataFrame:
    """Leave other events behind before they cost a way to Python, where the names are strings."""
    types: Any = import_extra("pyspark.sql.types", "spark")
    if isinstance(df.schema[event_name].dataType, types.StringType):
        return df.where(df[event_name].isin(*events))
    return df


@dataclass(frozen=True, slots=True)
class _Task:
    """What an executor runs on the record batches of a partition."""

    rule: Rule
    columns: Mapping[str, str] | None
    value_column: str | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stage = self._stage()
        for batch in batches:
            _, found = stage.judge(batch)
            if found.num_rows:
                yield found

    def _stage(self) -> ArrowStage:
        from illshell.detect.arrow_stage import ArrowStage

        return ArrowStage(self.rule, self.columns, self.value_column, errors=True)
