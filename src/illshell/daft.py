"""illshell in Daft: a DataFrame of events in, findings out.

    from illshell.daft import detect
    findings = detect(daft.read_parquet("events/*.parquet"))

Daft hands over columns as Arrow arrays; what they hold is judged where it lies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from illshell.detect.verdicts import Rule
from illshell.model.extras import import_extra
from illshell.model.fields import choose_columns
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from daft import DataFrame, Series


def detect(
    df: DataFrame,
    *,
    events: Iterable[str] = EVENTS,
    columns: Mapping[str, str] | None = None,
    value_column: str | None = None,
    errors: bool = False,
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> DataFrame:
    """Return the findings among the events of a DataFrame.

    The columns are those of :data:`illshell.formats.finding_fields.FIELDS`.

    The events are in columns, or each a value of ``value_column``; see
    :class:`illshell.detect.arrow_stage.ArrowStage`. ColumnError where ``df`` lacks the columns,
    MissingExtraError without Daft.
    """
    daft = import_extra("daft", "daft")
    import pyarrow as pa

    from illshell.detect.arrow_stage import ArrowStage
    from illshell.formats.finding_rows import SCHEMA

    names = df.column_names if value_column is None else [value_column]
    if value_column is None:
        choose_columns(names, columns or {})
    rule = Rule.of(events, web_servers, shells)
    stage = ArrowStage(rule, columns, value_column, errors)
    # A function of Daft gives a value for each row: a finding, or null; the nulls are left out.
    row_type = pa.struct(SCHEMA)

    def verdicts(*series: Series) -> pa.Array:
        arrays = [each.to_arrow() for each in series]
        rows, found = stage.judge(pa.record_batch(arrays, names))
        taken: list[int | None] = [None] * len(arrays[0])
        for index, row in enumerate(rows):
            taken[row] = index
        return found.to_struct_array().take(pa.array(taken, pa.int64()))

    judge = daft.func.batch(return_dtype=daft.DataType.from_arrow_type(row_type))(verdicts)
    found = daft.col("illshell")
    judged = df.select(judge(*map(daft.col, names)).alias("illshell")).where(found.not_null())
    return judged.select(*(found.get(name).alias(name) for name in SCHEMA.names))
