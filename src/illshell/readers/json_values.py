"""Values that are each one event's JSON, as message queues and tables have them, for the readers.

A value is a line but for the newline at its end, so values are joined to lines and read as those.
A newline within a value is white space to JSON, or forbidden, and a carriage return is exactly the
same; so the one may stand for the other, and each value stays one line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from illshell.readers import has_native
from illshell.readers.json_lines.definition import MAX_LINE
from illshell.readers.json_lines.python import LineDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from illshell.model.signature import Event
    from illshell.readers.segment import Segment

COORDINATES: Final = ("topic", "partition", "offset")
"""Where Kafka keeps a value: columns that become headers, for the uid of an event without identity.
"""


def decode_lines(
    lines: bytes, event_names: Sequence[str], *, native: bool | None = None
) -> Iterator[Segment]:
    """Yield the segments of whole lines, the last newline included; offsets count from the first.

    ``native``: which reader; None takes the fast one if it is there.
    """
    if has_native() if native is None else native:
        import illshell_ingest

        from illshell.readers.json_lines.native import SegmentMaker, projection_of

        maker = SegmentMaker(event_names, source="", strict=False, max_line=MAX_LINE)
        decoder = illshell_ingest.JsonLines(projection_of(event_names), max_line=MAX_LINE)
        yield from map(maker.segment, decoder.feed(lines))
    else:
        yield LineDecoder(event_names).feed(lines)


def decode_value(value: str | Buffer, event_names: Sequence[str]) -> Segment:
    """Decode one value."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    (segment,) = decode_lines(as_line(data), event_names)
    return segment


def as_line(value: bytes) -> bytes:
    """Give a value as a line of its own."""
    return value.replace(b"\n", b"\r") + b"\n"


def with_custom(event: Event, custom: dict[str, object]) -> Event:
    """Give the event with other headers: what its own source knows of it."""
    return replace(event, headers=replace(event.headers, custom=custom))
