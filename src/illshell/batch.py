"""EventBatch: packed events, each column a view of memory that somebody else owns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from illshell.errors import ColumnError
from illshell.names import PATHNAME, PREV_COMM
from illshell.tracee_event import event_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from illshell._fastmatch import Column
    from illshell.arrow import ArrowArrayExportable, ArrowStreamExportable
    from illshell.protocol import Event


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Packed events, judged by :meth:`illshell.IllegitimateShell.on_batch`.

    ``event_name``: a column, or a str that is the name of every row. ``process_name``: comms.
    ``pathname`` and ``prev_comm`` may be absent, which is as if null in every row; a null where the
    rule must read is an error of that row. A finding's event is decoded from ``record``, each
    event's own JSON, or, where there is none, rebuilt from the columns and what ``other_values``
    gives for the row. ``custom`` gives the row's extra headers.

    Immutable; the buffers must stay unchanged as long as the batch is used. Thread-safe.
    """

    event_name: Column | str
    process_name: Column
    pathname: Column | None = None
    prev_comm: Column | None = None
    record: Column | None = None
    other_values: Callable[[int], Mapping[str, Any]] | None = None
    custom: Callable[[int], Mapping[str, Any]] | None = None

    def __len__(self) -> int:
        return len(self.process_name)

    @staticmethod
    def from_arrow(
        data: ArrowArrayExportable, columns: Mapping[str, str] | None = None
    ) -> EventBatch:
        """Take one record batch without a copy; see :func:`illshell.arrow.event_batch`."""
        from illshell.arrow import event_batch

        return event_batch(data, columns)

    @staticmethod
    def iter_arrow(
        data: ArrowArrayExportable | ArrowStreamExportable,
        columns: Mapping[str, str] | None = None,
    ) -> Iterator[EventBatch]:
        """Take the batches of a stream without a copy; see :func:`illshell.arrow.event_batches`."""
        from illshell.arrow import event_batches

        return event_batches(data, columns)

    @staticmethod
    def from_numpy(data: Any, columns: Mapping[str, str] | None = None) -> EventBatch:
        """Take NumPy arrays without a copy; see :func:`illshell.numpy_columns.event_batch`."""
        from illshell.numpy_columns import event_batch

        return event_batch(data, columns)

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


def _text(column: Column, row: int) -> str | None:
    value = column[row]
    return None if value is None else value.decode("utf-8", "surrogateescape")
