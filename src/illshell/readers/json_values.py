"""Values that are each one event's JSON, as message queues and tables have them, for the readers.

A value is a line but for the newline at its end, so values are joined to lines and read as those.
A newline within a value is white space to JSON, or forbidden, and a carriage return is exactly the
same; so the one may stand for the other, and each value stays one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from illshell.readers import has_native
from illshell.readers.json_lines.definition import MAX_LINE
from illshell.readers.json_lines.python import LineDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from illshell.readers.json_lines.python import PositionOf
    from illshell.readers.segment import Segment
    from illshell.readers.selection import Selection

COORDINATES: Final = ("topic", "partition", "offset")
"""Columns that hold a value's position in Kafka."""


def decode_lines(
    lines: bytes,
    selection: Selection,
    *,
    position_of: PositionOf,
    native: bool | None = None,
) -> Iterator[Segment]:
    """Yield whole lines, the last newline included, as segments.

    ``position_of`` returns the position of an event, given its first byte and its length.
    ``native``: which reader; None takes the fast one if it is there.
    """
    if has_native() if native is None else native:
        import illshell_ingest

        from illshell.readers.json_lines.native import SegmentMaker, compiled_projection

        maker = SegmentMaker(selection, position_of=position_of, strict=False, max_line=MAX_LINE)
        projection = compiled_projection(selection.projected)
        decoder = illshell_ingest.JsonLines(projection, max_line=MAX_LINE)
        yield from map(maker.segment, decoder.feed(lines))
    else:
        yield LineDecoder(selection, position_of=position_of).feed(lines)


def as_line(value: str | Buffer) -> bytes:
    """Return a value as a line of its own."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    return data.replace(b"\n", b"\r") + b"\n"
