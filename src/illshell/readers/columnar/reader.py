"""The reader of columnar files: Parquet and Arrow IPC, mapped into memory, no column in vain."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from illshell._fastmatch import Column, Matcher
from illshell.batch.arrow import event_batch
from illshell.batch.event_batch import EventBatch
from illshell.model.errors import ColumnError, StreamError
from illshell.model.extras import import_extra
from illshell.model.fields import choose_columns
from illshell.model.rule import Clause, Rule
from illshell.readers.segment import Segment
from illshell.readers.sniff import Columnar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa

    from illshell.readers.columnar.row_groups import ColumnarFile, Piece

WINDOW: Final = 1 << 20
"""Rows that are judged at a time."""

_FIRST: Final = ("event_name", "process_name", "prev_comm")
_LATER: Final = ("pathname", "record")


@dataclass(frozen=True, slots=True)
class FileRows(EventBatch):
    """Rows of a file; the headers of their events say which row of the file they are."""

    def damage(self, row: int) -> ColumnError | None:
        """Say what keeps the columns of a row from being read, or None."""
        damaged = EventBatch.damage(self, row)
        return None if damaged is None else ColumnError(damaged.column, "it is null")


class ColumnarReader:
    """Reads a regular file; see :class:`illshell.readers.segment.Reader`.

    ``matcher``: the rule the events will be judged by. With it, ``pathname`` is read only where
    a row can be a hit or an error without it, other columns only where there is one, and what can
    be neither is counted and not given. Without it every row is given. Events' headers have
    ``source`` and ``row``, counted from 0. The file must not be cut short as long as it is read:
    the system kills who reads mapped memory that is gone. Memory is bounded by a row group.
    """

    def __init__(
        self,
        source: str | int,
        kind: Columnar,
        *,
        name: str,
        matcher: Matcher | None = None,
        threads: int = 1,
    ) -> None:
        self.name = name
        self.consumed = 0
        self._kind = kind
        self._matcher = matcher
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
        chosen = self._chosen.values()
        self._others = [each for each in self._file.names if each not in chosen]
        self._others = [each for each in self._others if self._file.names.count(each) == 1]

    def segments(self) -> Iterator[Segment]:
        """Give the file piece by piece; StreamError where it is damaged, after all before it."""
        first = 0
        try:
            for piece in self._file.pieces(self._chosen, self._matcher):
                yield from self._segments_of(piece, first)
                first += piece.rows
                self.consumed = piece.end
        except self._failures as error:
            if isinstance(error, StreamError):
                raise
            raise self._broken(first, error) from None
        yield Segment(None, [], 0, [], self._data.size, 0)

    def close(self) -> None:
        """Let go of the file; the mapping ends with the last finding that needs it."""
        del self._file, self._data

    def _segments_of(self, piece: Piece, first: int) -> Iterator[Segment]:
        matcher = self._matcher
        if matcher is None:
            for rows in self._rows_of(piece, first, lambda _batch: True):
                yield Segment(rows, [], 0, [], piece.end)
            return
        wanted = self._count_wanted(piece, matcher) if piece.has_events else 0
        yield Segment(None, [], piece.rows - wanted, [], piece.end, wanted)
        if wanted == 0 or not piece.has_candidates:
            return

        def has_some(batch: EventBatch) -> bool:
            hits, errors = batch.judge(matcher)
            for row in chain(hits, errors):
                _check(batch, row)
            return bool(len(hits) or len(errors))

        # Without a pathname, the rows that need one are in error: the ones to read it for.
        if any(has_some(batch) for _, batch in self._batches(piece, _FIRST)):
            for rows in self._rows_of(piece, first, has_some):
                yield Segment(rows, [], 0, [], piece.end, 0)

    def _count_wanted(self, piece: Piece, matcher: Matcher) -> int:
        """Count the rows whose event is wanted: those that match a rule that asks no more."""
        rule = matcher.rule
        counter = Matcher(Rule(rule.event_field, tuple(Clause(each, ()) for each in rule.events)))
        name = {"event_name": "event_name", "process_name": "event_name"}
        wanted = 0
        for _, batch in self._batches(piece, ("event_name",), name):
            wanted += len(batch.judge(counter)[0])
        return wanted

    def _rows_of(
        self, piece: Piece, first: int, wants: Callable[[EventBatch], bool]
    ) -> Iterator[FileRows]:
        """Give the windows of a piece that are wanted, their events with all columns."""
        others: pa.Table | None = None
        broken = None
        for start, batch in self._batches(piece, (*_FIRST, *_LATER)):
            if not wants(batch):
                continue
            if others is None and self._others and broken is None:
                try:
                    others = piece.read(self._others)
                except self._failures as error:
                    broken = self._broken(first, error)
            yield self._with_places(batch, first, start, others)
        if broken is not None:
            raise broken

    def _with_places(
        self, batch: EventBatch, first: int, start: int, others: pa.Table | None
    ) -> FileRows:
        from illshell.readers.columnar.arrow_to_json import row_values

        def custom(row: int) -> Mapping[str, Any]:
            return {"source": self.name, "row": first + start + row}

        def other_values(row: int) -> Mapping[str, Any]:
            return {} if others is None else row_values(others, start + row)

        return FileRows(
            event_name=batch.event_name,
            process_name=batch.process_name,
            pathname=batch.pathname,
            prev_comm=batch.prev_comm,
            record=batch.record,
            other_values=other_values,
            custom=custom,
        )

    def _batches(
        self, piece: Piece, columns: tuple[str, ...], names: Mapping[str, str] | None = None
    ) -> Iterator[tuple[int, EventBatch]]:
        """Give the piece's windows with these columns, and where in the piece each starts."""
        chosen = {each: self._chosen[each] for each in columns if each in self._chosen}
        names = {key: self._chosen[each] for key, each in names.items()} if names else chosen
        start = 0
        table = piece.read(list(chosen.values()))
        for record_batch in table.to_batches(max_chunksize=WINDOW):
            yield start, event_batch(record_batch, names)
            start += record_batch.num_rows

    def _broken(self, row: int, error: Exception) -> StreamError:
        text = str(error) or type(error).__name__
        reason = f"{self._kind.value} damaged or not readable: {text.splitlines()[0]}"
        return StreamError(0, reason, row=row)


def _check(batch: EventBatch, row: int) -> None:
    """Read what an event is rebuilt from; ValueError where that lies outside the buffers."""
    columns = (batch.event_name, batch.process_name, batch.pathname, batch.prev_comm, batch.record)
    for column in columns:
        if isinstance(column, Column):
            column[row]


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
