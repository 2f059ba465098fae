"""A stage for engines that hand over Arrow data: record batches of events in, findings out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from illshell.batch.arrow import event_batch
from illshell.detect.verdicts import Judge, Rule, Verdict, judge_of
from illshell.formats.finding_rows import SCHEMA, record_batch
from illshell.model.errors import ColumnError
from illshell.model.signature import Event
from illshell.readers.json_values import COORDINATES, decode_lines, with_custom

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOGGER: Final = logging.getLogger("illshell.stage")

NEWLINE: Final = ord("\n")

MOST_BYTES: Final = 4 << 20
"""Values are read in pieces of at most this size: they stay in the cache from step to step, and
memory does not depend on the batch."""


@dataclass(frozen=True, slots=True)
class ArrowStage:
    """Judges record batches. Picklable and thread-safe.

    ``value_column``: the column of text or bytes whose values are each one event's JSON. Without
    it the events are in columns; ``columns`` says what they are called, as in
    :meth:`illshell.EventBatch.from_arrow`. ``errors``: give a row for each event that could not
    be judged; else these are counted in the log.
    """

    rule: Rule = field(default_factory=Rule)
    columns: Mapping[str, str] | None = None
    value_column: str | None = None
    errors: bool = False

    def __call__(self, data: pa.Table | pa.RecordBatch) -> pa.Table:
        """Give the findings of a table or record batch, as ``finding_fields.FIELDS``."""
        batches = data.to_batches() if isinstance(data, pa.Table) else [data]
        return pa.Table.from_batches([self.judge(batch)[1] for batch in batches], SCHEMA)

    def judge(self, batch: pa.RecordBatch) -> tuple[list[int], pa.RecordBatch]:
        """Give the findings of a record batch and, for each of them, the row it comes from."""
        verdicts = self._verdicts(batch)
        verdicts.sort(key=lambda verdict: verdict.place)
        if not self.errors:
            verdicts = _without_errors(verdicts)
        return [verdict.place for verdict in verdicts], record_batch(verdicts)

    def _verdicts(self, batch: pa.RecordBatch) -> list[Verdict]:
        judge = judge_of(self.rule)
        if self.value_column is None:
            return list(judge.batch(event_batch(batch, self.columns)))
        values = _as_bytes(batch.column(self.value_column), self.value_column)
        found: list[Verdict] = []
        if values.null_count:
            nulls = np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))
            error = ColumnError(self.value_column, "the value is null")
            found.extend(Verdict(int(row), error=error) for row in nulls)
        start = 0
        for piece in _pieces(values):
            found.extend(
                _at_row(verdict, start, batch, values) for verdict in _judge_values(judge, piece)
            )
            start += len(piece)
        return found


def _judge_values(judge: Judge, values: pa.Array) -> Iterator[Verdict]:
    """Judge values, placed by their indices."""
    # Joins each value with "\n": the buffer of the result is JSON lines, its offsets say where.
    lines = _joined(values)
    data = lines.buffers()[2].to_pybytes()
    if np.count_nonzero(np.frombuffer(data, np.uint8) == NEWLINE) != len(values):
        lines = _joined(pc.replace_substring(values, b"\n", b"\r"))
        data = lines.buffers()[2].to_pybytes()
    starts = None
    verdicts = chain.from_iterable(map(judge.segment, decode_lines(data, judge.events)))
    for verdict in verdicts:
        if starts is None:
            width = np.int64 if pa.types.is_large_binary(lines.type) else np.int32
            starts = np.frombuffer(lines.buffers()[1], width, len(lines))
        yield replace(verdict, place=int(starts.searchsorted(verdict.place, "right")) - 1)


def _joined(values: pa.Array) -> pa.Array:
    empty, newline = (pa.scalar(value, values.type) for value in (b"", b"\n"))
    return pc.binary_join_element_wise(
        values, empty, newline, null_handling="replace", null_replacement=b""
    )


def _at_row(verdict: Verdict, start: int, batch: pa.RecordBatch, values: pa.Array) -> Verdict:
    """Give the verdict with the row of the batch, and the event with what the batch says of it."""
    row = start + verdict.place
    record = values[row].as_py()
    finding = verdict.finding
    if finding is None:
        return replace(verdict, place=row, record=record)
    custom = {"record": record}
    if all(name in batch.schema.names for name in COORDINATES):
        custom |= {name: batch.column(name)[row].as_py() for name in COORDINATES}
    assert isinstance(finding.event, Event)
    finding = replace(finding, event=with_custom(finding.event, custom))
    return Verdict(row, finding, record=record)


def _as_bytes(values: pa.Array, name: str) -> pa.Array:
    """Give a column of text or bytes as bytes, without a copy but for views and dictionaries."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return values.cast(pa.large_binary())
    if any(
        fits(kind)
        for fits in (
            pa.types.is_string,
            pa.types.is_binary,
            pa.types.is_string_view,
            pa.types.is_binary_view,
        )
    ):
        return values.cast(pa.binary())
    raise ColumnError(name, f"Arrow type {kind} holds no text")


def _pieces(values: pa.Array) -> Iterator[pa.Array]:
    if values.nbytes > MOST_BYTES and len(values) > 1:
        half = len(values) // 2
        yield from _pieces(values[:half])
        yield from _pieces(values[half:])
    elif len(values):
        yield values


def _without_errors(verdicts: list[Verdict]) -> list[Verdict]:
    errors: list[Any] = [verdict.error for verdict in verdicts if verdict.error is not None]
    if not errors:
        return verdicts
    LOGGER.warning("%d events could not be judged; the first: %s", len(errors), errors[0])
    return [verdict for verdict in verdicts if verdict.error is None]
