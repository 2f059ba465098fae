"""The fast reader: illshell-ingest's packed batches, and json.loads on the lines that it defers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import illshell_ingest
from nanoarrow import c_array

from illshell.batch.event_batch import EventBatch
from illshell.model.errors import StreamError
from illshell.readers.json_lines.definition import MAX_LINE, TOO_LONG, BadLineError
from illshell.readers.json_lines.python import decode_single
from illshell.readers.segment import BadLine, Segment
from illshell.signatures.illegitimate_shell.names import PATHNAME, PREV_COMM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from illshell.model.signature import Event
    from illshell.sources.stop_flag import StopFlag

COLUMNS: Final = {"process_name": "comm", "record": "raw_event"}
"""What the packed batches call the columns of an EventBatch, where that differs."""


def projection_of(event_names: Sequence[str] | None) -> dict[str, Any]:
    """Return what illshell-ingest is asked for: Tracee's events with these names, None for all."""
    events: list[dict[str, Any]] = [{"event": {"path": "eventName"}, "when": []}]
    if event_names is not None:
        events = [
            {"event": name, "when": [{"path": "eventName", "values": [name]}]}
            for name in event_names
        ]
    fields = {name: [f"args[name={name}].value"] for name in (PATHNAME, PREV_COMM)}
    return {
        "columns": [
            {"name": name, "kind": "text"} for name in ("event_name", "comm", PATHNAME, PREV_COMM)
        ],
        "dialects": [
            {
                "name": "tracee",
                "needles": None if event_names is None else list(event_names),
                "events": events,
                "fields": {"comm": ["processName"], **fields},
                "default": {"comm": ""},
            }
        ],
    }


class SegmentMaker:
    """Makes segments of illshell-ingest's batches.

    A line that its decoder defers is decoded here by ``json.loads``, which is the definition of
    what is an event.
    """

    def __init__(
        self, event_names: Sequence[str] | None, *, source: str, strict: bool, max_line: int
    ) -> None:
        self._event_names = event_names
        self._source = source
        self._strict = strict
        self._max_line = max_line

    def segment(self, decoded: illshell_ingest.Batch) -> Segment:
        """Give the batch as a segment, its columns without a copy."""
        events: list[Event] = []
        bad: list[BadLine] = []
        skipped = decoded.skipped
        for _, offset, line, over_limit in decoded.deferred:
            if over_limit:
                bad.append(BadLine(offset, TOO_LONG.format(self._max_line), line))
                continue
            try:
                event = decode_single(line, self._event_names, self._source, offset, self._strict)
            except BadLineError as error:
                bad.append(BadLine(offset, str(error), line))
                continue
            if event is None:
                skipped += 1
            else:
                events.append(event)
        batch = None
        if decoded.num_rows:
            batch = self._packed(decoded)
        return Segment(batch, events, skipped, bad, decoded.end)

    def _packed(self, decoded: illshell_ingest.Batch) -> EventBatch:
        array = c_array(decoded)
        names = [child.name for child in array.schema.children]
        view = array.view()
        offsets, lengths = (
            memoryview(view.child(names.index(name)).buffer(1)) for name in ("position", "length")
        )

        batch = EventBatch.from_arrow(array, COLUMNS)

        def custom(row: int) -> dict[str, Any]:
            return {
                "source": self._source,
                "offset": offsets[row],
                "length": lengths[row],
                "record": batch.record[row] if batch.record is not None else None,
            }

        return replace(batch, custom=custom)


class NativeReader:
    """Reads a path or file descriptor; see :class:`illshell.readers.segment.Reader`."""

    def __init__(
        self,
        source: str | int,
        event_names: Sequence[str] | None,
        *,
        name: str,
        strict: bool = False,
        stop: StopFlag | None = None,
    ) -> None:
        self.name = name
        self._reader = illshell_ingest.JsonLinesReader(
            source, projection_of(event_names), strict=strict, max_line=MAX_LINE
        )
        self.size = self._reader.size
        self._maker = SegmentMaker(event_names, source=name, strict=strict, max_line=MAX_LINE)

    @property
    def consumed(self) -> int:
        """Bytes read so far, as they lie on disk."""
        return self._reader.consumed

    def segments(self) -> Iterator[Segment]:
        """Give the input piece by piece; StreamError where it breaks off, after all before it."""
        while True:
            try:
                decoded = self._reader.next()
            except illshell_ingest.StreamError as error:
                raise StreamError(error.offset, str(error)) from None
            if decoded is None:
                return
            yield self._maker.segment(decoded)

    def close(self) -> None:
        """Let go of the source; the reader holds a descriptor of its own, closed with it."""
        del self._reader
