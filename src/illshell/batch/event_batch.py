"""EventBatch: packed events, each column a view of memory that somebody else owns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

from illshell.dialects.decoded import decoded_event
from illshell.dialects.tracee_event import event_of
from illshell.model.errors import ColumnError
from illshell.model.fields import (
    COMM,
    EVENT_NAME,
    FIELDS,
    PATHNAME,
    PREV_COMM,
    RAW_EVENT,
    normalized,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from illshell._fastmatch import Column, Matcher, Rows
    from illshell.batch.arrow import ArrowArrayExportable, ArrowStreamExportable
    from illshell.dialects.tracee_ebpf.records import EbpfRecords
    from illshell.model.errors import IllshellError
    from illshell.model.event import Event
    from illshell.model.position import Position

ColumnSource: TypeAlias = "Column | str | Callable[[], Column]"
"""A column, a str that is the value of every row, or what returns the column when it is read."""


TEXTS: Final = (EVENT_NAME, COMM, PATHNAME, PREV_COMM)
"""The fields of text that rules read: their types are checked when a batch is made."""

JUDGED: Final = (*TEXTS, RAW_EVENT)
"""The fields that an event is rebuilt from in their own columns; all others come as cells."""


class Batch(Protocol):
    """Packed events of any form, as signatures judge them."""

    def __len__(self) -> int:
        """Count the events."""

    def match(
        self, matcher: Matcher
    ) -> tuple[Rows, Rows] | tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the rows that match and the rows in error, both in order."""

    def event(self, row: int) -> Event:
        """Build the event of a row: the only step that makes Python objects of it."""

    def event_name_of(self, row: int) -> str | None:
        """Return the name of a row's event, None where it has none or it can't be read."""

    def damage(self, row: int) -> IllshellError | None:
        """Return what keeps the packed form of a row from being read, or None."""

    def slice(self, start: int, stop: int) -> Batch:
        """Return rows ``start`` to ``stop`` as a batch of their own, in the same memory."""


class EventBatch(Mapping[str, "Column | str"]):
    """Packed events: a mapping of field names to columns of equal length.

    ``columns``: by names out of :data:`illshell.model.fields.FIELDS`; ``event_name`` and ``comm``
    must be there, and ``event_name`` may be a str. A column that is absent is as if null in every
    row; a null where a rule must read is an error of that row. ``length``: rows, where no column
    says it. ``cells``: returns the values of a row's further columns, by their own names, of which
    ``renamed`` are known as fields. ``position_of``: returns the position of a row.

    A finding's event is decoded from ``raw_event``, each event's own JSON, or, where that is absent
    or holds no JSON object, rebuilt from the columns: what was judged, then the further columns.

    Immutable; the buffers must stay unchanged as long as the batch is used. Thread-safe.
    """

    __slots__ = ("_cells", "_columns", "_length", "_position_of", "_renamed")

    def __init__(
        self,
        columns: Mapping[str, ColumnSource],
        *,
        length: int | None = None,
        cells: Callable[[int], Mapping[str, Any]] | None = None,
        renamed: Mapping[str, str] | None = None,
        position_of: Callable[[int], Position | None] | None = None,
    ) -> None:
        for name in (EVENT_NAME, COMM):
            if name not in columns:
                raise ColumnError(name, f"missing; there is {', '.join(columns) or 'no column'}")
        for name in columns:
            if name not in FIELDS:
                raise ColumnError(name, f"unknown field; expected one of {', '.join(FIELDS)}")
        self._columns = dict(columns)
        self._cells = cells
        self._renamed = renamed or {}
        self._position_of = position_of
        self._length = -1 if length is None else length
        if length is None:
            comm = self[COMM]
            if isinstance(comm, str):
                raise ColumnError(COMM, "a str, where a column says how many rows there are")
            self._length = len(comm)
        for name, column in columns.items():
            if not (callable(column) or isinstance(column, str)):
                self._check_length(name, column)

    def __getitem__(self, name: str) -> Column | str:
        column = self._columns[name]
        if callable(column):
            column = column()
            self._check_length(name, column)
            self._columns[name] = column
        return column

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return self._length

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __bool__(self) -> bool:
        return self._length > 0

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<EventBatch of {self._length} rows: {', '.join(self._columns)}>"

    def _check_length(self, name: str, column: Column) -> None:
        if self._length >= 0 and len(column) != self._length:
            raise ColumnError(name, f"{len(column)} rows, where the batch has {self._length}")

    @staticmethod
    def from_arrow(
        data: ArrowArrayExportable,
        columns: Mapping[str, str] | None = None,
        event_name: str | None = None,
    ) -> EventBatch:
        """Wrap one record batch without a copy; see :func:`illshell.batch.arrow.event_batch`."""
        from illshell.batch.arrow import event_batch

        return event_batch(data, columns, event_name)

    @staticmethod
    def iter_arrow(
        data: ArrowArrayExportable | ArrowStreamExportable,
        columns: Mapping[str, str] | None = None,
        event_name: str | None = None,
    ) -> Iterator[EventBatch]:
        """Yield the batches of a stream; see :func:`illshell.batch.arrow.event_batches`."""
        from illshell.batch.arrow import event_batches

        return event_batches(data, columns, event_name)

    @staticmethod
    def from_numpy(
        data: Any, columns: Mapping[str, str] | None = None, event_name: str | None = None
    ) -> EventBatch:
        """Wrap NumPy arrays without a copy; see :func:`illshell.batch.numpy.event_batch`."""
        from illshell.batch.numpy import event_batch

        return event_batch(data, columns, event_name)

    @staticmethod
    def from_tracee_records(
        buffer: Buffer,
        layout: str,
        *,
        record_size: int | None = None,
        event_ids: Mapping[str, int] | None = None,
    ) -> EbpfRecords:
        """Wrap the records that Tracee's eBPF side submits, without a copy.

        ``buffer``: a bytes-like object or mmap of records. ``layout``: the release that wrote them,
        one of ``illshell.dialects.tracee_ebpf.layouts.LAYOUTS``: ``v0.8`` (from 0.8.3 on) to
        ``v0.24``, or ``head``. ``record_size``: None where a little-endian u32 before each record
        gives its size in bytes, else the size of every record. What follows a record's arguments is
        padding. ``event_ids`` replaces the layout's numbers of the two events, by their names.

        A record is first judged by its event id and by its comm, the bytes up to the trailing NULs:
        a web server's for ``security_bprm_check``, a shell's for ``sched_process_exec``; only where
        both fit are its arguments walked, all of them. A damaged one is then an error of that
        record, and so is the absence of the one that the rule reads (``prev_comm`` in the records
        of releases before v0.22, too), although Tracee's own engine has put an empty one in its
        place since v0.22.3. In an exec whose comm is no shell's nothing is missed.

        Raises ValueError for a layout or event that is unknown or a size that no record has.
        """
        from illshell.dialects.tracee_ebpf.records import EbpfRecords

        return EbpfRecords(buffer, layout, record_size=record_size, event_ids=event_ids)

    def slice(self, start: int, stop: int) -> EventBatch:
        """Return rows ``start`` to ``stop`` as a batch of their own, in the same memory."""
        if not 0 <= start <= stop <= self._length:
            raise IndexError(f"rows {start} to {stop} of a batch of {self._length}")

        def part(name: str) -> ColumnSource:
            column = self._columns[name]
            if isinstance(column, str):
                return column
            if callable(column):
                return lambda: cast("Column", self[name]).slice(start, stop)
            return column.slice(start, stop)

        cells, position_of = self._cells, self._position_of
        return EventBatch(
            {name: part(name) for name in self._columns},
            length=stop - start,
            cells=cells and (lambda row: cells(start + row)),
            renamed=self._renamed,
            position_of=position_of and (lambda row: position_of(start + row)),
        )

    def with_cells(
        self, cells: Callable[[int], Mapping[str, Any]], renamed: Mapping[str, str]
    ) -> EventBatch:
        """Return the same rows with these further columns; ``renamed`` are known as fields."""
        return EventBatch(
            self._columns,
            length=self._length,
            cells=cells,
            renamed=renamed,
            position_of=self._position_of,
        )

    def match(self, matcher: Matcher) -> tuple[Rows, Rows]:
        """Return the rows that match and the rows in error; see :meth:`Matcher.match`."""
        return matcher.match({name: self.get(name) for name in matcher.rule.fields})

    def damage(self, row: int) -> ColumnError | None:
        """Return what keeps the columns of a row from being read, or None.

        Where the row has its event's own JSON, that says more than a null in a column.
        """
        comm = self[COMM]
        try:
            if isinstance(comm, str) or comm[row] is not None:
                return None
            error = ColumnError(COMM, f"row {row} is null", row)
        except ValueError:
            outside = f"row {row}: its value lies outside the column's buffers"
            error = ColumnError(COMM, outside, row)
        raw = self._raw(row)
        return error if raw is None or _decoded(raw) is None else None

    def position_of(self, row: int) -> Position | None:
        """Return where the event of a row came from, None where that is not known."""
        return None if self._position_of is None else self._position_of(row)

    def event_name_of(self, row: int) -> str | None:
        """Return the name of a row's event, None where it has none or it can't be read."""
        return self._value(EVENT_NAME, row)

    def event(self, row: int) -> Event:
        """Build the event of a row: the only step that makes Python objects of it."""
        raw = self._raw(row)
        payload = None if raw is None else _decoded(raw)
        if payload is None:
            return event_of(self._rebuilt(row), self.position_of(row))
        return decoded_event(payload, self.position_of(row), raw)

    def _raw(self, row: int) -> bytes | None:
        if RAW_EVENT not in self._columns:
            return None
        try:
            raw = cast("Column", self[RAW_EVENT])[row]
        except (ColumnError, ValueError):
            return None
        return raw if isinstance(raw, bytes) else None

    def _rebuilt(self, row: int) -> dict[str, Any]:
        arguments = {name: self._value(name, row) for name in (PATHNAME, PREV_COMM)}
        payload: dict[str, Any] = {
            "eventName": self._value(EVENT_NAME, row),
            "processName": self._value(COMM, row),
            "args": [
                {"name": name, "type": "string", "value": value}
                for name, value in arguments.items()
                if value is not None
            ],
        }
        cells = dict(self._cells(row)) if self._cells else {}
        # A column that was chosen for a field comes before another one of the field's own key.
        for name in sorted(cells, key=lambda name: name not in self._renamed):
            value = cells[name]
            field = FIELDS.get(self._renamed.get(name, ""))
            key = name if field is None or field.key is None else field.key
            if key not in payload:
                known = None if field is None else normalized(value, field.kind)
                payload[key] = value if known is None else known
        return payload

    def _value(self, name: str, row: int) -> str | None:
        if name not in self._columns:
            return None
        try:
            return _text(self[name], row)
        except ColumnError:
            return None


def as_batch(data: Batch | ArrowArrayExportable | ArrowStreamExportable) -> Batch:
    """Return a batch as it is, and Arrow data of any producer as a batch."""
    if hasattr(data, "match") and hasattr(data, "event_name_of"):
        return cast("Batch", data)
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        from illshell.batch.chunked import ChunkedBatch

        return ChunkedBatch.of(data)
    raise TypeError(
        f"{type(data).__name__} is no batch of events; give an EventBatch, or Arrow data: an "
        "object with __arrow_c_stream__ or __arrow_c_array__"
    )


def _decoded(raw: bytes) -> dict[str, Any] | None:
    try:
        payload = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None


def _text(column: Column | str, row: int) -> str | None:
    """Return the value of a row; None for a null, and where it lies outside the buffers."""
    if isinstance(column, str):
        return column
    try:
        value = column[row]
    except ValueError:
        return None
    return None if value is None else value.decode("utf-8", "surrogateescape")
