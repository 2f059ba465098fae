"""EbpfRecords: the records that Tracee's eBPF side submits, judged where they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from illshell._fastmatch import Records
from illshell.dialects.tracee_ebpf.codec import decode_record
from illshell.dialects.tracee_ebpf.layouts import layout_of
from illshell.dialects.tracee_event import event_of
from illshell.model.errors import RecordError
from illshell.model.position import ByteRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from illshell._fastmatch import Matcher, Rows
    from illshell.batch.event_batch import Batch
    from illshell.model.event import Event

SIZE_BYTES: Final = 4
"""Of the little-endian u32 that stands before a record."""

LONGEST_RECORD: Final = 1 << 16
"""Bytes that are looked at of a record whose end is not in the buffer."""


class EbpfRecords:
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
        self._record_size = record_size or 0
        self._buffer = buffer
        self._records = Records(buffer, self._layout, self._record_size)
        self._base = 0  # of the buffer's first byte

    def __len__(self) -> int:
        return len(self._records)

    def match(self, matcher: Matcher) -> tuple[Rows, Rows]:
        """Return the rows that match and the rows in error."""
        return self._records.match(matcher)

    def event(self, row: int) -> Event:
        """Build the event of a row, of a damaged record as much as can be read.

        Its position is the record's bytes in the buffer.
        """
        offset, record, _ = self._record(row)
        payload, _ = decode_record(record, self._layout, offset)
        return event_of(payload, ByteRange("", self._base + offset, len(record)), record)

    def event_name_of(self, row: int) -> str | None:
        """Return the name of a row's event, None where its number is not known."""
        offset, record, _ = self._record(row)
        name = decode_record(record, self._layout, offset)[0].get("eventName")
        return name if isinstance(name, str) else None

    def slice(self, start: int, stop: int) -> Batch:
        """Return rows ``start`` to ``stop`` as a batch of their own, in the same memory."""
        import numpy as np

        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"rows {start} to {stop} of {len(self)} records")
        first, last = (self._start_of(row) for row in (start, stop))
        part = EbpfRecords.__new__(EbpfRecords)
        part._layout, part._record_size = self._layout, self._record_size
        part._buffer = np.frombuffer(memoryview(self._buffer), np.uint8)[first:last].data
        part._records = Records(part._buffer, self._layout, self._record_size)
        part._base = self._base + first
        return part

    def _start_of(self, row: int) -> int:
        """Return the byte at which a record's framing starts; the buffer's end for the last row."""
        if row == len(self):
            return self._records.nbytes
        start, length = self._records.span(row)
        return start if self._record_size or length < 0 else start - SIZE_BYTES

    def damage(self, row: int) -> RecordError | None:
        """Return what keeps the record of a row from being read, or None."""
        offset, record, cut_off = self._record(row)
        return cut_off or decode_record(record, self._layout, self._base + offset)[1]

    def _record(self, row: int) -> tuple[int, bytes, RecordError | None]:
        start, length = self._records.span(row)
        left = self._records.nbytes - start
        at = self._base + start
        if length < 0:
            return start, b"", RecordError(at, f"{left} bytes are left, where its size has 4")
        if length <= left:
            return start, self._records.read(start, length), None
        error = RecordError(at, f"its {length} bytes are cut off, {left} bytes are left")
        return start, self._records.read(start, min(length, LONGEST_RECORD)), error
