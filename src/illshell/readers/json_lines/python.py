"""The reader in plain Python: the reference of illshell-ingest, and what works without Rust."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from illshell.dialects.decoded import decoded_event
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
from illshell.readers.json_lines.projection import candidate_of, dialects_of, is_selected
from illshell.readers.segment import InvalidLine, Segment, Single
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from illshell.model.event import Event
    from illshell.model.position import Position
    from illshell.readers.selection import Selection


PositionOf: TypeAlias = "Callable[[int, int], Position | None]"
"""Returns the position of an event, given its first byte in the stream and its length."""


class LineDecoder:
    """Turns pieces of a stream of JSON lines into segments, as illshell_ingest.JsonLines does.

    ``position_of`` returns the position of an event, given its first byte and its length.
    A line without a needle of the ``selection``, nor an escape that could spell one, is skipped
    undecoded unless ``strict``. Memory is bounded by ``max_line`` and the piece.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        position_of: PositionOf,
        strict: bool = False,
        max_line: int = MAX_LINE,
    ) -> None:
        self._selection = selection
        self._candidate = None if strict else candidate_of(selection.projected)
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
            record, self._selection, self._position_of(offset, len(record)), self._strict
        )
        if single is None:
            segment.skipped += 1
        else:
            segment.add(single)


def decode_single(
    line: bytes, selection: Selection, position: Position | None, strict: bool
) -> Event | InvalidLine | None:
    """Return one trimmed line as an event; None where it is none that is selected."""
    try:
        payload = decode_event(line, strict=strict)
    except InvalidLineError as error:
        return InvalidLine(position, str(error), line)
    event = decoded_event(payload, position, line, dialects_of(selection.dialects))
    return event if is_selected(event, selection) else None


class _SegmentBuilder:
    def __init__(self) -> None:
        self._singles: list[Single] = []
        self.skipped = 0

    def add(self, single: Event | InvalidLine) -> None:
        self._singles.append((0, single))

    def build(self, end: int) -> Segment:
        return Segment(None, self._singles, self.skipped, end)


class PlainReader:
    """Reads a path or file descriptor; see :class:`illshell.readers.segment.Reader`."""

    def __init__(
        self,
        source: str | int,
        selection: Selection,
        *,
        name: str,
        strict: bool = False,
        stop: StopFlag | None = None,
    ) -> None:
        self.name = name
        self._raw = RawSource(source, StopFlag() if stop is None else stop)
        self.size = self._raw.size
        self._decoder = LineDecoder(selection, position_of=partial(ByteRange, name), strict=strict)

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
