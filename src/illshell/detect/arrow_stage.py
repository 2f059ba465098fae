"""A stage for engines that hand over Arrow data: record batches of events in, findings out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from threading import local
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from illshell.batch.arrow import event_batch
from illshell.detect.spec import DetectorSpec
from illshell.detect.verdict import Verdict
from illshell.formats.finding_rows import SCHEMA, record_batch
from illshell.model.errors import ColumnError
from illshell.model.position import Message, Position, Sequence
from illshell.readers.json_values import COORDINATES, decode_lines
from illshell.readers.segment import InvalidLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from illshell.detect.detector import Detector
    from illshell.model.event import Event
    from illshell.readers.segment import Segment

LOGGER: Final = logging.getLogger("illshell.stage")

NEWLINE: Final = ord("\n")

CHUNK_BYTES: Final = 4 << 20
"""Values are read in chunks of at most this size: they stay in the cache from step to step, and
memory does not depend on the batch."""

_THREAD: Final = local()
"""The detectors of a thread, by spec."""


@dataclass(frozen=True, slots=True)
class ArrowStage:
    """Runs signatures on record batches. Picklable and thread-safe.

    ``value_column``: the column of text or bytes whose values are each one event's JSON. Without
    it the events are in columns; ``columns`` says what they are called, as in
    :meth:`illshell.EventBatch.from_arrow`. ``errors``: return a row for each event that could not
    be judged; else these are counted in the log. What one thread hands in is one stream to
    signatures with state.
    """

    spec: DetectorSpec = field(default_factory=DetectorSpec.of)
    columns: Mapping[str, str] | None = None
    value_column: str | None = None
    errors: bool = False

    def __call__(self, data: pa.Table | pa.RecordBatch) -> pa.Table:
        """Return the findings of a table or record batch, as ``finding_fields.FIELDS``."""
        batches = data.to_batches() if isinstance(data, pa.Table) else [data]
        return pa.Table.from_batches([self.findings(batch)[1] for batch in batches], SCHEMA)

    def findings(self, batch: pa.RecordBatch) -> tuple[list[int], pa.RecordBatch]:
        """Return the findings of a record batch and, for each of them, the row it comes from."""
        verdicts = self.verdicts(self._detector(), batch)
        if not self.errors:
            verdicts = _without_errors(verdicts)
        return [verdict.row for verdict in verdicts], record_batch(verdicts)

    def verdicts(self, detector: Detector, batch: pa.RecordBatch) -> list[Verdict]:
        """Return a detector's verdicts on a record batch, in the order of the rows."""
        if self.value_column is None:
            return detector.batch(event_batch(batch, self.columns, position_of=_coordinates(batch)))
        values = _as_bytes(batch.column(self.value_column), self.value_column)
        coordinates = _coordinates(batch)
        found: list[Verdict] = []
        if values.null_count:
            nulls = np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))
            error = ColumnError(self.value_column, "the value is null")
            found.extend(Verdict(int(row), error=error) for row in nulls)
        start = 0
        for chunk in _chunks(values):
            found.extend(_on_values(detector, chunk, start, coordinates))
            start += len(chunk)
        if values.null_count:
            found.sort(key=lambda verdict: verdict.row)
        return found

    def selected(
        self, detector: Detector, batch: pa.RecordBatch
    ) -> Iterator[tuple[int, Event | None]]:
        """Yield the rows of ``value_column`` on which there may be verdicts, in no certain order.

        Each with its event, or None where the value is null or no event.
        """
        assert self.value_column is not None
        values = _as_bytes(batch.column(self.value_column), self.value_column)
        for null in np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)):
            yield int(null), None
        start = 0
        for chunk in _chunks(values):
            lines = _Lines(chunk, start, None)
            for segment in decode_lines(
                lines.data, detector.selection, position_of=lines.position_of
            ):
                yield from _decoded(segment, lines)
            start += len(chunk)

    def _detector(self) -> Detector:
        detectors: dict[DetectorSpec, Detector] = _THREAD.__dict__.setdefault("detectors", {})
        if self.spec not in detectors:
            detectors[self.spec] = self.spec.make()
        return detectors[self.spec]


PositionOfRow: TypeAlias = "Callable[[int], Message]"


def _coordinates(batch: pa.RecordBatch) -> PositionOfRow | None:
    """Return a function from a row to its position in Kafka, None where no columns tell it."""
    if not all(name in batch.schema.names for name in COORDINATES):
        return None
    topic, partition, offset = (batch.column(name) for name in COORDINATES)
    return lambda row: Message(topic[row].as_py(), partition[row].as_py(), offset[row].as_py())


class _Lines:
    """Values as JSON lines: each ended by a newline, none with one of its own.

    ``first``: the row of the first value. ``position_of`` is the readers' function from bytes of
    the lines to a position, and keeps which row each position it returned is of.
    """

    def __init__(self, values: pa.Array, first: int, coordinates: PositionOfRow | None) -> None:
        lines = _joined(values)
        self.data = lines.buffers()[2].to_pybytes()
        if np.count_nonzero(np.frombuffer(self.data, np.uint8) == NEWLINE) != len(values):
            lines = _joined(pc.replace_substring(values, b"\n", b"\r"))
            self.data = lines.buffers()[2].to_pybytes()
        width = np.int64 if pa.types.is_large_binary(lines.type) else np.int32
        self._starts = np.frombuffer(lines.buffers()[1], width, len(lines))
        self._first = first
        self._coordinates = coordinates
        self._rows: dict[int, tuple[Position, int]] = {}

    def position_of(self, offset: int, _length: int) -> Position:
        row = self._first + int(self._starts.searchsorted(offset, "right")) - 1
        position = self._coordinates(row) if self._coordinates else Sequence("", row)
        self._rows[id(position)] = position, row
        return position

    def row_at(self, position: Position | None) -> int:
        return self._rows[id(position)][1]


def _on_values(
    detector: Detector, values: pa.Array, first: int, coordinates: PositionOfRow | None
) -> Iterator[Verdict]:
    """Yield the verdicts on values, each with its row, of which the first is ``first``."""
    lines = _Lines(values, first, coordinates)
    for segment in decode_lines(lines.data, detector.selection, position_of=lines.position_of):
        for verdict in detector.segment(segment):
            row = lines.row_at(verdict.position)
            position = verdict.position if coordinates else None
            yield replace(verdict, row=row, position=position, raw=values[row - first].as_py())


def _decoded(segment: Segment, lines: _Lines) -> Iterator[tuple[int, Event | None]]:
    """Yield a segment's events with their rows, None for an invalid line; the packed ones first."""
    for row in range(segment.packed):
        assert segment.batch is not None
        event = segment.batch.event(row)
        yield lines.row_at(event.headers.position), event
    for _, single in segment.singles:
        if isinstance(single, InvalidLine):
            yield lines.row_at(single.position), None
        else:
            yield lines.row_at(single.headers.position), single


def _joined(values: pa.Array) -> pa.Array:
    """Return each value with a newline: the data buffer of the result is lines."""
    empty, newline = (pa.scalar(value, values.type) for value in (b"", b"\n"))
    return pc.binary_join_element_wise(
        values, empty, newline, null_handling="replace", null_replacement=b""
    )


def _as_bytes(values: pa.Array, name: str) -> pa.Array:
    """Return a column of text or bytes as bytes, without a copy but for views and dictionaries."""
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


def _chunks(values: pa.Array) -> Iterator[pa.Array]:
    if values.nbytes > CHUNK_BYTES and len(values) > 1:
        half = len(values) // 2
        yield from _chunks(values[:half])
        yield from _chunks(values[half:])
    elif len(values):
        yield values


def _without_errors(verdicts: list[Verdict]) -> list[Verdict]:
    errors = [verdict.error for verdict in verdicts if verdict.error is not None]
    if not errors:
        return verdicts
    LOGGER.warning("%d events could not be judged; the first: %s", len(errors), errors[0])
    return [verdict for verdict in verdicts if verdict.error is None]
