"""TraceeRecords: the records that Tracee's eBPF side submits, judged where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from illshell._fastmatch import Records
from illshell.dialects.tracee_ebpf.codec import decode_record
from illshell.dialects.tracee_ebpf.layouts import layout_of
from illshell.dialects.tracee_event import event_of
from illshell.model.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from illshell._fastmatch import Matcher, Rows
    from illshell.model.signature import Event

LONGEST_RECORD: Final = 1 << 16
"""Bytes that are looked at of a record whose end is not in the buffer."""


class TraceeRecords:
    """Packed records, judged by :meth:`illshell.IllegitimateShell.on_batch`.

    Made by :meth:`illshell.EventBatch.from_tracee_records`, which says what the arguments mean.
    Immutable; the buffer must stay unchanged as long as this is used. Thread-safe.
    """

    def __init__(
        self,
        buffer: Buffer,
        layout: str,
        *,
        record_size: int | None = None,
        event_ids: Mapping[str, int] | None = None,
    ) -> None:
        if record_size is not None and record_size < 1:
            raise ValueError(f"record_size is {record_size}, less than 1")
        self._layout = layout_of(layout, event_ids)
        self._records = Records(buffer, self._layout, record_size or 0)

    def __len__(self) -> int:
        return len(self._records)

    def judge(self, matcher: Matcher) -> tuple[Rows, Rows]:
        """Give the rows that match and the rows in error."""
        return self._records.match(matcher)

    def event(self, row: int) -> Event:
        """Build the event of a row, of a damaged record as much as can be read.

        The headers' ``custom`` has ``offset`` (the record's first byte in the buffer), ``length``
        and ``record`` (these bytes).
        """
        offset, record, _ = self._record(row)
        payload, _ = decode_record(record, self._layout, offset)
        return event_of(payload, {"offset": offset, "length": len(record), "record": record})

    def damage(self, row: int) -> RecordError | None:
        """Say what keeps the record of a row from being read, or None."""
        offset, record, cut_off = self._record(row)
        return cut_off or decode_record(record, self._layout, offset)[1]

    def _record(self, row: int) -> tuple[int, bytes, RecordError | None]:
        start, length = self._records.span(row)
        left = self._records.nbytes - start
        if length < 0:
            return start, b"", RecordError(start, f"{left} bytes are left, where its size has 4")
        if length <= left:
            return start, self._records.read(start, length), None
        error = RecordError(start, f"its {length} bytes are cut off, {left} bytes are left")
        return start, self._records.read(start, min(length, LONGEST_RECORD)), error
