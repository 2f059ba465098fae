"""EventBatch: packed events, each column a view of memory that somebody else owns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from illshell._fastmatch import common_length
from illshell.dialects.tracee_event import event_of
from illshell.model.errors import ColumnError
from illshell.signatures.illegitimate_shell.names import PATHNAME, PREV_COMM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

    from illshell._fastmatch import Column, Matcher, Rows
    from illshell.batch.arrow import ArrowArrayExportable, ArrowStreamExportable
    from illshell.dialects.tracee_ebpf.records import TraceeRecords
    from illshell.model.errors import IllshellError
    from illshell.model.signature import Event


class Batch(Protocol):
    """Packed events of any form: what :meth:`illshell.IllegitimateShell.on_batch` asks of them."""

    def __len__(self) -> int:
        """Count the events."""

    def judge(
        self, matcher: Matcher
    ) -> tuple[Rows, Rows] | tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give the rows that match and the rows in error, both in order."""

    def event(self, row: int) -> Event:
        """Build the event of a row: the only step that makes Python objects of it."""

    def damage(self, row: int) -> IllshellError | None:
        """Say what keeps the packed form of a row from being read, or None."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Packed events, judged by :meth:`illshell.IllegitimateShell.on_batch`.

    ``event_name``: a column, or a str that is the name of every row. ``process_name``: comms.
    ``pathname`` and ``prev_comm`` may be absent, which is as if null in every row; a null where the
    rule must read is an error of that row. A finding's event is decoded from ``record``, each
    event's own JSON, or, where there is none, rebuilt from the columns and what ``other_values``
    gives for the row. ``custom`` gives the row's extra headers.

    Immutable; the buffers must stay unchanged as long as the batch is used. Thread-safe.
    Raises ColumnError for columns of unequal lengths.
    """

    event_name: Column | str
    process_name: Column
    pathname: Column | None = None
    prev_comm: Column | None = None
    record: Column | None = None
    other_values: Callable[[int], Mapping[str, Any]] | None = None
    custom: Callable[[int], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        # Columns of unequal lengths are refused before the batch is divided among threads.
        common_length(
            {
                "process_name": self.process_name,
                "event_name": self.event_name,
                "pathname": self.pathname,
                "prev_comm": self.prev_comm,
                "record": self.record,
            }
        )

    def __len__(self) -> int:
        return len(self.process_name)

    @staticmethod
    def from_arrow(
        data: ArrowArrayExportable,
        columns: Mapping[str, str] | None = None,
        event_name: str | None = None,
    ) -> EventBatch:
        """Take one record batch without a copy; see :func:`illshell.batch.arrow.event_batch`."""
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
        """Take NumPy arrays without a copy; see :func:`illshell.batch.numpy.event_batch`."""
        from illshell.batch.numpy import event_batch

        return event_batch(data, columns, event_name)

    @staticmethod
    def from_tracee_records(
        buffer: Buffer,
        layout: str,
        *,
        record_size: int | None = None,
        event_ids: Mapping[str, int] | None = None,
    ) -> TraceeRecords:
        """Take the records that Tracee's eBPF side submits, without a copy.

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
        from illshell.dialects.tracee_ebpf.records import TraceeRecords

        return TraceeRecords(buffer, layout, record_size=record_size, event_ids=event_ids)

    def slice(self, start: int, stop: int) -> EventBatch:
        """Give rows ``start`` to ``stop`` as a batch of their own, in the same memory."""

        def part(column: Column | None) -> Column | None:
            return None if column is None else column.slice(start, stop)

        other_values, custom = self.other_values, self.custom
        return EventBatch(
            event_name=self.event_name
            if isinstance(self.event_name, str)
            else self.event_name.slice(start, stop),
            process_name=self.process_name.slice(start, stop),
            pathname=part(self.pathname),
            prev_comm=part(self.prev_comm),
            record=part(self.record),
            other_values=other_values and (lambda row: other_values(start + row)),
            custom=custom and (lambda row: custom(start + row)),
        )

    def judge(self, matcher: Matcher) -> tuple[Rows, Rows]:
        """Give the rows that match and the rows in error; see :meth:`Matcher.match`."""
        return matcher.match(
            {
                "event_name": self.event_name,
                "comm": self.process_name,
                "pathname": self.pathname,
                "prev_comm": self.prev_comm,
                "record": self.record,
            }
        )

    def damage(self, row: int) -> ColumnError | None:
        """Say what keeps the columns of a row from being read, or None."""
        if self.record is None and self.process_name[row] is None:
            return ColumnError("process_name", f"row {row} is null")
        return None

    def event(self, row: int) -> Event:
        """Build the event of a row: the only step that makes Python objects of it."""
        payload = self._rebuilt(row) if self.record is None else self._decoded(self.record, row)
        return event_of(payload, self.custom(row) if self.custom else {})

    def _decoded(self, record: Column, row: int) -> dict[str, Any]:
        text = record[row]
        payload = None if text is None else json.loads(text)
        if not isinstance(payload, dict):
            raise ColumnError("record", f"row {row} is no JSON object")
        return payload

    def _rebuilt(self, row: int) -> dict[str, Any]:
        event_name = self.event_name
        named = event_name if isinstance(event_name, str) else _text(event_name, row)
        arguments = ((PATHNAME, self.pathname), (PREV_COMM, self.prev_comm))
        payload: dict[str, Any] = {
            "eventName": named,
            "processName": _text(self.process_name, row),
            "args": [
                {"name": name, "type": "string", "value": value}
                for name, column in arguments
                if column is not None and (value := _text(column, row)) is not None
            ],
        }
        if self.other_values is not None:
            payload |= self.other_values(row)
        return payload


def as_batch(data: Batch | ArrowArrayExportable | ArrowStreamExportable) -> Batch:
    """Give a batch as it is, and Arrow data of any producer as a batch."""
    if hasattr(data, "judge"):
        return cast("Batch", data)
    from illshell.batch.chunked import Batches

    return Batches.of(cast("ArrowStreamExportable", data))


def _text(column: Column, row: int) -> str | None:
    value = column[row]
    return None if value is None else value.decode("utf-8", "surrogateescape")
