"""The reader in plain Python: the reference of illshell-ingest, and what works without Rust."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from illshell.dialects.tracee_event import event_of
from illshell.model.errors import InvalidLineError, StreamError
from illshell.model.position import ByteRange
from illshell.readers.compression import RawSource, decompressed
from illshell.readers.json_lines.definition import (
    BOM,
    MAX_LINE,
    TOO_LONG,
    WHITESPACE,
    decode_event,
)
from illshell.readers.segment import InvalidLine, Segment, Single
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from illshell.model.event import Event
    from illshell.model.position import Position


PositionOf: TypeAlias = "Callable[[int, int], Position | None]"
"""Returns the position of an event, given its first byte in the stream and its length."""


class LineDecoder:
    """Turns pieces of a stream of JSON lines into segments, as illshell_ingest.JsonLines does.

    ``position_of`` returns the position of an event, given its first byte and its length.
    ``event_names``: what to decode; None for everything. A line without one of these names, nor an
    escape that could spell one, is skipped undecoded unless ``strict``. Memory is bounded by
    ``max_line`` and the piece.
    """

    def __init__(
        self,
        event_names: Sequence[str] | None,
        *,
        position_of: PositionOf,
        strict: bool = False,
        max_line: int = MAX_LINE,
    ) -> None:
        self._event_names = event_names
        self._candidate = None if strict or event_names is None else _candidate(event_names)
        self._position_of = position_of
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
            position = self._position_of(begin, length)
            segment.add(InvalidLine(position, TOO_LONG.format(self._max_line), line))
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
        single = decode_single(
            record, self._event_names, self._position_of(offset, len(record)), self._strict
        )
        if single is None:
            segment.skipped += 1
        else:
            segment.add(single)


def decode_single(
    line: bytes, event_names: Sequence[str] | None, position: Position | None, strict: bool
) -> Event | InvalidLine | None:
    """Return one trimmed line as an event; None where it has another name than the wanted ones."""
    try:
        payload = decode_event(line, strict=strict)
    except InvalidLineError as error:
        return InvalidLine(position, str(error), line)
    if event_names is not None and payload.get("eventName") not in event_names:
        return None
    return event_of(payload, position, line)


class _SegmentBuilder:
    def __init__(self) -> None:
        self._singles: list[Single] = []
        self.skipped = 0

    def add(self, single: Event | InvalidLine) -> None:
        self._singles.append((0, single))

    def build(self, end: int) -> Segment:
        return Segment(None, self._singles, self.skipped, end)


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
        self._decoder = LineDecoder(
            event_names, position_of=partial(ByteRange, name), strict=strict
        )

    @property
    def consumed(self) -> int:
        """Bytes read so far, as they lie on disk."""
        return self._raw.consumed

    def segments(self) -> Iterator[Segment]:
        """Yield the input piece by piece; StreamError where it breaks off, after all before it."""
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
        """Release the source."""
        self._raw.close()
