"""The fast reader: illshell-ingest's packed batches, and json.loads for lines that it defers."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import illshell_ingest
from nanoarrow import c_array

from illshell.batch.arrow import event_batch
from illshell.model.errors import StreamError
from illshell.model.position import ByteRange
from illshell.readers.json_lines.definition import MAX_LINE, TOO_LONG
from illshell.readers.json_lines.projection import projection_of
from illshell.readers.json_lines.python import decode_single
from illshell.readers.segment import InvalidLine, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from illshell.batch.event_batch import EventBatch
    from illshell.model.event import Event
    from illshell.model.position import Position
    from illshell.readers.json_lines.python import PositionOf
    from illshell.readers.segment import Single
    from illshell.readers.selection import Projected, Selection


@lru_cache
def compiled_projection(selected: Projected) -> illshell_ingest.Projection:
    """Return the compiled projection of a selection.

    Made once for each selection, as a queue's every message needs it: which dialects other packages
    add is asked once.
    """
    return illshell_ingest.Projection(projection_of(selected))


class SegmentMaker:
    """Makes segments of illshell-ingest's batches.

    A line that its decoder defers is decoded here by ``json.loads``, which is the definition of
    what is an event.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        position_of: PositionOf,
        strict: bool,
        max_line: int,
    ) -> None:
        self._selection = selection
        self._position_of = position_of
        self._strict = strict
        self._max_line = max_line

    def segment(self, decoded: illshell_ingest.Batch) -> Segment:
        """Return the batch as a segment, its columns without a copy."""
        singles: list[Single] = []
        skipped = decoded.skipped
        for at, offset, line, over_limit in decoded.deferred:
            single = self._single(offset, line, over_limit=over_limit)
            if single is None:
                skipped += 1
            else:
                singles.append((at, single))
        batch = self._packed(decoded) if decoded.num_rows else None
        return Segment(batch, singles, skipped, decoded.end, dialects=decoded.dialects)

    def _single(self, offset: int, line: bytes, *, over_limit: bool) -> Event | InvalidLine | None:
        position = self._position_of(offset, len(line))
        if over_limit:
            return InvalidLine(position, TOO_LONG.format(self._max_line), line)
        return decode_single(line, self._selection, position, self._strict)

    def _packed(self, decoded: illshell_ingest.Batch) -> EventBatch:
        array = c_array(decoded)
        names = [child.name for child in array.schema.children]
        view = array.view()
        offsets, lengths = (
            memoryview(view.child(names.index(name)).buffer(1)) for name in ("position", "length")
        )

        def position_of(row: int) -> Position | None:
            return self._position_of(offsets[row], lengths[row])

        return event_batch(array, position_of=position_of)


class NativeReader:
    """Reads a path or file descriptor; see :class:`illshell.readers.segment.Reader`."""

    def __init__(
        self,
        source: str | int,
        selection: Selection,
        *,
        name: str,
        strict: bool = False,
    ) -> None:
        self.name = name
        self._reader = illshell_ingest.JsonLinesReader(
            source,
            compiled_projection(selection.projected),
            strict=strict,
            max_line=MAX_LINE,
        )
        self.size = self._reader.size
        self._maker = SegmentMaker(
            selection, position_of=partial(ByteRange, name), strict=strict, max_line=MAX_LINE
        )

    @property
    def consumed(self) -> int:
        """Bytes read so far, as they lie on disk."""
        return self._reader.consumed

    def segments(self) -> Iterator[Segment]:
        """Yield the input piece by piece; StreamError where it breaks off, after all before it."""
        while True:
            try:
                decoded = self._reader.next()
            except illshell_ingest.StreamError as error:
                raise StreamError(error.offset, str(error)) from None
            if decoded is None:
                return
            yield self._maker.segment(decoded)

    def close(self) -> None:
        """Release the source; the reader holds a descriptor of its own, closed with it."""
        del self._reader
