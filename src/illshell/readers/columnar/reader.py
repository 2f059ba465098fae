"""The reader of columnar files: Parquet and Arrow IPC, mapped into memory."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any, Final

from illshell.batch.arrow import event_batch
from illshell.batch.event_batch import JUDGED
from illshell.model.errors import ColumnError, StreamError
from illshell.model.extras import import_extra
from illshell.model.fields import COMM, EVENT_NAME, PREV_COMM, Kind, choose_columns, normalized
from illshell.model.position import Row
from illshell.readers.segment import Segment
from illshell.readers.sniff import Columnar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from illshell.batch.event_batch import EventBatch
    from illshell.readers.columnar.row_groups import ColumnarFile, RowGroup
    from illshell.readers.selection import Selection

WINDOW: Final = 1 << 20
"""Rows of a segment at most."""

_FIRST: Final = (EVENT_NAME, COMM, PREV_COMM)
"""The fields that tell most rows apart; they are short, and often dictionaries."""


class ColumnarReader:
    """Reads a regular file; see :class:`illshell.readers.segment.Reader`.

    Only the windows of rows that have candidates are returned, with all their columns: the first
    columns are read for all rows, ``pathname`` where a group has candidates without it, the others
    where it has them still. Positions are :class:`illshell.model.position.Row`. Truncating the
    file while it is read raises SIGBUS. Memory is bounded by a row group.
    """

    def __init__(
        self,
        source: str | int,
        kind: Columnar,
        selection: Selection,
        *,
        name: str,
        threads: int = 1,
    ) -> None:
        self.name = name
        self.consumed = 0
        self._kind = kind
        self._selection = selection
        pa = import_extra("pyarrow", "parquet")
        self._failures = (pa.ArrowException, OSError, ValueError)
        self._data = pa.py_buffer(_mapped(source))
        self.size: int | None = self._data.size
        try:
            self._file = _opened(kind, self._data, threads)
            self._chosen = choose_columns(self._file.names, {})
        except ColumnError:
            raise
        except self._failures as error:
            raise self._broken(0, error) from None

    def segments(self) -> Iterator[Segment]:
        """Yield the file piece by piece; StreamError where it is damaged, after all before it."""
        first = 0
        try:
            for group in self._file.row_groups(self._chosen, self._selection):
                yield from self._segments_of(group, first)
                first += group.rows
                self.consumed = group.end
        except self._failures as error:
            if isinstance(error, StreamError):
                raise
            raise self._broken(first, error) from None
        yield Segment(None, [], 0, self._data.size, 0)

    def close(self) -> None:
        """Release the file; the mapping ends with the last finding that needs it."""
        del self._file, self._data

    def _segments_of(self, group: RowGroup, first: int) -> Iterator[Segment]:
        if group.rows == 0:
            return
        selected = self._count_selected(group)
        yield Segment(None, [], group.rows - selected, group.end, selected)
        if selected == 0 or not group.has_candidates:
            return
        # Without a pathname, the rows that need one are candidates: the ones to read it for.
        if any(self._matters(batch) for _, batch in self._windows(group, first, _FIRST)):
            yield from self._judged(group, first)

    def _count_selected(self, group: RowGroup) -> int:
        from illshell.readers.columnar.counts import value_counts

        names = self._selection.event_names
        if names is None:
            return group.rows
        if not group.has_events:
            return 0
        column = group.read([self._chosen[EVENT_NAME]]).column(0)
        counts = value_counts(EVENT_NAME, column)
        return sum(n for value, n in counts.items() if normalized(value, Kind.TEXT) in names)

    def _matters(self, batch: EventBatch) -> bool:
        found = self._selection.candidates(batch)
        return found is None or len(found) > 0

    def _judged(self, group: RowGroup, first: int) -> Iterator[Segment]:
        """Yield the windows of a group that have candidates, with all columns."""
        others: pa.Table | None = None
        broken = None
        names = [name for name in self._file.names if self._file.names.count(name) == 1]
        names = [name for name in names if name not in self._judged_names()]
        renamed = {name: field for field, name in self._chosen.items()}
        for start, batch in self._windows(group, first, JUDGED):
            if not self._matters(batch):
                continue
            if others is None and names and broken is None:
                try:
                    others = group.read(names)
                except self._failures as error:
                    broken = self._broken(first, error)
            whole = batch.with_cells(self._cells(others, start), renamed)
            yield Segment(whole, [], 0, group.end, 0)
        if broken is not None:
            raise broken

    def _judged_names(self) -> list[str]:
        return [self._chosen[field] for field in JUDGED if field in self._chosen]

    def _cells(self, others: pa.Table | None, start: int) -> Callable[[int], Mapping[str, Any]]:
        from illshell.batch.arrow_to_json import row_values

        if others is None:
            return lambda _row: {}
        columns = dict(zip(others.column_names, others.columns, strict=True))
        return lambda row: row_values(columns, start + row)

    def _windows(
        self, group: RowGroup, first: int, fields: Sequence[str]
    ) -> Iterator[tuple[int, EventBatch]]:
        """Yield a group in windows with these fields, and where in the group each starts."""
        chosen = {field: self._chosen[field] for field in fields if field in self._chosen}
        start = 0
        table = group.read(list(chosen.values()))
        for record_batch in table.to_batches(max_chunksize=WINDOW):
            yield start, event_batch(record_batch, chosen, position_of=self._row(first + start))
            start += record_batch.num_rows

    def _row(self, first: int) -> Callable[[int], Row]:
        return lambda row: Row(self.name, first + row)

    def _broken(self, row: int, error: Exception) -> StreamError:
        text = str(error) or type(error).__name__
        reason = f"{self._kind.value} damaged or not readable: {text.splitlines()[0]}"
        return StreamError(0, reason, row=row)


def _mapped(source: str | int) -> mmap.mmap:
    if isinstance(source, int):
        return mmap.mmap(source, 0, access=mmap.ACCESS_READ)
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)


def _opened(kind: Columnar, data: pa.Buffer, threads: int) -> ColumnarFile:
    if kind is Columnar.PARQUET:
        from illshell.readers.columnar.parquet import ParquetColumns

        return ParquetColumns(data, threads=threads)
    from illshell.readers.columnar.arrow_ipc import ArrowFile, ArrowStream

    made = ArrowFile if kind is Columnar.ARROW_FILE else ArrowStream
    return made(data, threads=threads)
