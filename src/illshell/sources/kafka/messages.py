"""What a poll returned as JSON lines for the readers, and from a position back to its message."""

from __future__ import annotations

from bisect import bisect_right
from functools import partial
from itertools import accumulate, repeat
from operator import contains, methodcaller
from typing import TYPE_CHECKING, Final

from illshell.model.errors import InvalidLineError
from illshell.model.position import Message as MessagePosition
from illshell.readers.json_lines.definition import BOM, WHITESPACE, decode_event
from illshell.readers.json_values import decode_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from illshell.readers.segment import Segment
    from illshell.readers.selection import Selection

MAX_BYTES: Final = 64 << 20
"""Values are joined up to about this size, so that memory does not depend on the poll."""

MAX_LINES: Final = 8192
"""Lines that are decoded at a time: an invalid one costs about a kilobyte, however short it is."""

_VALUE = methodcaller("value")


class Messages:
    """Messages whose values are lines: one event each, as a rule, or several.

    A value that is one JSON object over several lines is one line here: a newline within it is
    white space, and so is the carriage return that stands for it.
    ``lines``: the values, each ended by a newline, so that no line reaches over two messages.
    ``empty``: how many have no value, or one of no bytes.
    """

    def __init__(self, messages: Sequence[Message], values: list[bytes]) -> None:
        self._messages = messages
        self._values = values
        self._starts: list[int] = []
        self._cursor = (-1, 0, 0)  # message, byte in it, events before that byte
        self._by_position: dict[tuple[str | None, int | None, int | None], Message] = {}
        self.empty = values.count(b"")
        has_newlines = any(map(contains, values, repeat(b"\n")))
        if has_newlines:
            self._values = [as_one_line(value) if b"\n" in value else value for value in values]
        self.lines = b"\n".join([*self._values, b""])
        self._may_be_many = has_newlines or len(values) > MAX_LINES

    def segments(self, selection: Selection, *, native: bool) -> Iterator[Segment]:
        """Yield the lines decoded, ``MAX_LINES`` at a time; ``native`` says by which reader."""
        start = 0
        for end in self._ends():
            yield from decode_lines(
                self.lines if (start, end) == (0, len(self.lines)) else self.lines[start:end],
                selection,
                position_of=partial(self._position_in_piece, start),
                native=native,
            )
            start = end

    def position_of(self, offset: int, _length: int) -> MessagePosition:
        """Return the position of the event that begins at a byte of ``lines``.

        Cheapest in the order of the bytes: then every byte is looked at once.
        """
        if not self._starts:
            self._starts = list(accumulate((len(value) + 1 for value in self._values), initial=0))
        index = bisect_right(self._starts, offset) - 1
        byte = offset - self._starts[index]
        at, begin, line = self._cursor
        if at != index or begin > byte:
            begin = line = 0
        before = self._values[index][begin:byte].split(b"\n")
        for each in before[:-1]:
            line += bool(each.removeprefix(BOM).strip(WHITESPACE))
        self._cursor = (index, byte - len(before[-1]), line)
        message = self._messages[index]
        topic, partition, number = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert number is not None
        return MessagePosition(topic, partition, number, line)

    def message_at(self, position: MessagePosition) -> Message:
        """Return the message of a position within these messages."""
        if not self._by_position:
            self._by_position = {
                (message.topic(), message.partition(), message.offset()): message
                for message in self._messages
            }
        return self._by_position[position.topic, position.partition, position.offset]

    def _ends(self) -> Iterator[int]:
        """Yield the ends of pieces that have ``MAX_LINES`` lines at most."""
        lines = self.lines
        if self._may_be_many:
            count, at = 0, lines.find(b"\n")
            while at >= 0:
                count += 1
                if count % MAX_LINES == 0:
                    yield at + 1
                at = lines.find(b"\n", at + 1)
            if count % MAX_LINES == 0:
                return
        yield len(lines)

    def _position_in_piece(self, piece: int, offset: int, length: int) -> MessagePosition:
        return self.position_of(piece + offset, length)


def as_one_line(value: bytes) -> bytes:
    """Return a value that is one JSON object over several lines as one line, any other as it is."""
    body = value.removeprefix(BOM).strip(WHITESPACE)
    if b"\n" not in body or not (body.startswith(b"{") and body.endswith(b"}")):
        return value
    # "}" and "{" without a comma between them are never within one object: these are two events.
    first, _, rest = body.partition(b"\n")
    if first.rstrip(WHITESPACE).endswith(b"}") and rest.lstrip(WHITESPACE).startswith(b"{"):
        return value
    try:
        decode_event(body)
    except InvalidLineError:
        return value
    return body.replace(b"\n", b"\r")


def split(messages: Sequence[Message]) -> Iterator[Messages]:
    """Yield messages in their order, in parts of about ``MAX_BYTES`` of values at most."""
    values: list[bytes] = list(map(_VALUE, messages))
    if None in values:
        values = [value or b"" for value in values]
    if sum(map(len, values)) <= MAX_BYTES:
        yield Messages(messages, values)
        return
    start = size = 0
    for index, value in enumerate(values):
        if size and size + len(value) > MAX_BYTES:
            yield Messages(messages[start:index], values[start:index])
            start, size = index, 0
        size += len(value)
    yield Messages(messages[start:], values[start:])
