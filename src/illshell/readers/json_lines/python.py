"""The reader in plain Python: the twin of illshell-ingest, and what works without Rust."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from illshell.dialects.tracee_event import event_of
from illshell.model.errors import StreamError
from illshell.readers.compression import RawSource, decompressed
from illshell.readers.json_lines.definition import (
    BOM,
    MAX_LINE,
    TOO_LONG,
    WHITESPACE,
    BadLineError,
    decode_event,
)
from illshell.readers.segment import BadLine, Segment
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from illshell.model.signature import Event


class LineDecoder:
    """Turns pieces of a stream of JSON lines into segments; the twin of illshell_ingest.JsonLines.

    ``event_names``: what to decode; None for everything. A line without one of these names, nor an
    escape that could spell one, is skipped undecoded unless ``strict``. Memory is bounded by
    ``max_line`` and the piece.
    """

    def __init__(
        self,
        event_names: Sequence[str] | None,
        *,
        source: str = "",
        strict: bool = False,
        max_line: int = MAX_LINE,
    ) -> None:
        self._event_names = event_names
        self._candidate = None if strict or event_names is None else _candidate(event_names)
        self._source = source
        self._strict = strict
        self._max_line = max_line
        self._carry: list[bytes] = []
        self._carried = 0  # bytes in _carry, at most _max_line
        self._line_length = 0  # bytes of the line so far, whether carried or not
        self._offset = 0  # where the line begins

    def feed(self, piece: bytes) -> Segment:
        """Decode the lines that this piece completes."""
        segment = _SegmentBuilder()
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._carry_on(piece[start:end])
            self._end_line(segment)
            self._offset += 1
            start = end + 1
        self._carry_on(piece[start:])
        return segment.build(self._offset)

    def finish(self) -> Segment:
        """Decode the last line, where it has no newline."""
        segment = _SegmentBuilder()
        self._end_line(segment)
        return segment.build(self._offset)

    def _carry_on(self, piece: bytes) -> None:
        kept = piece[: self._max_line - self._carried]
        self._carry.append(kept)
        self._carried += len(kept)
        self._line_length += len(piece)

    def _end_line(self, segment: _SegmentBuilder) -> None:
        line = b"".join(self._carry)
        begin, length = self._offset, self._line_length
        self._offset += length
        self._carry.clear()
        self._carried = self._line_length = 0
        if length > self._max_line:
            segment.bad.append(BadLine(begin, TOO_LONG.format(self._max_line), line))
            return
        tail = line.removeprefix(BOM).lstrip(WHITESPACE)
        record = tail.rstrip(WHITESPACE)
        if record:
            self._decode(segment, begin + length - len(tail), record)

    def _decode(self, segment: _SegmentBuilder, offset: int, record: bytes) -> None:
        if (
            self._candidate is not None
            and record.startswith(b"{")
            and record.endswith(b"}")
            and not self._candidate.search(record)
        ):
            segment.skipped += 1
            return
        try:
            event = decode_single(record, self._event_names, self._source, offset, self._strict)
        except BadLineError as error:
            segment.bad.append(BadLine(offset, str(error), record))
            return
        if event is None:
            segment.skipped += 1
        else:
            segment.events.append(event)


def decode_single(
    record: bytes, event_names: Sequence[str] | None, source: str, offset: int, strict: bool
) -> Event | None:
    """Decode one trimmed line; None where its event has another name than the wanted ones."""
    payload = decode_event(record, strict=strict)
    if event_names is not None and payload.get("eventName") not in event_names:
        return None
    custom = {"source": source, "offset": offset, "length": len(record), "record": record}
    return event_of(payload, custom)


class _SegmentBuilder:
    def __init__(self) -> None:
        self.events: list[Event] = []
        self.bad: list[BadLine] = []
        self.skipped = 0

    def build(self, end: int) -> Segment:
        return Segment(None, self.events, self.skipped, self.bad, end)


def _candidate(event_names: Sequence[str]) -> re.Pattern[bytes]:
    r"""Find what every line with one of these names must hold.

    That is the name as it is, or an escape of one of its characters: ``\u00`` and two hexadecimal
    digits, or any escape at all where a name has characters that can be escaped in other ways.
    """
    if not event_names:
        return re.compile(rb"(?!)")
    if not all(event_names):
        return re.compile(rb"")
    literals = [re.escape(name.encode()) for name in event_names]
    if not all(re.fullmatch(r"[0-9A-Za-z_.: -]+", name) for name in event_names):
        return re.compile(b"|".join([*literals, rb"\\"]))
    values = sorted({b"%02x" % byte for name in event_names for byte in name.encode()})
    escape = rb"\\u00(?i:%b)" % b"|".join(values)
    return re.compile(b"|".join([*literals, escape]))


class PlainReader:
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
        self._raw = RawSource(source, StopFlag() if stop is None else stop)
        self.size = self._raw.size
        self._decoder = LineDecoder(event_names, source=name, strict=strict)

    @property
    def consumed(self) -> int:
        """Bytes read so far, as they lie on disk."""
        return self._raw.consumed

    def segments(self) -> Iterator[Segment]:
        """Give the input piece by piece; StreamError where it breaks off, after all before it."""
        broken = None
        try:
            for piece in decompressed(self._raw):
                yield self._decoder.feed(piece)
        except StreamError as error:
            broken = error
        yield self._decoder.finish()
        if broken is not None:
            raise broken

    def close(self) -> None:
        """Let go of the source."""
        self._raw.close()
