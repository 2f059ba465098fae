"""What a poll gave as lines for the readers, and the way back from a byte to its message."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from operator import methodcaller
from typing import TYPE_CHECKING, Final

from illshell.model.position import Message as Place
from illshell.readers.json_lines.definition import BOM, WHITESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from illshell.detect.verdict import Verdict

MOST_BYTES: Final = 64 << 20
"""Values are joined up to about this size, so that memory does not depend on theirs."""


_VALUE = methodcaller("value")


class Messages:
    """Messages whose values are lines: one event each, as a rule, or several.

    ``lines``: the values, each ended by a newline, so that no line reaches over two messages.
    ``empty``: how many have no value, or one of no bytes.
    """

    def __init__(self, messages: Sequence[Message], values: list[bytes]) -> None:
        self._messages = messages
        self._values = values
        self._starts: list[int] = []
        self._cursor = (-1, 0, 0)  # message, byte in it, events before that byte
        self._indexes: dict[int, tuple[Place, int]] = {}  # by the identity of a position
        self.empty = values.count(b"")
        self.lines = b"\n".join([*values, b""])

    def position_of(self, offset: int, _length: int) -> Place:
        """Return where the event that begins at a byte of ``lines`` is.

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
        line += sum(1 for each in before[:-1] if each.removeprefix(BOM).strip(WHITESPACE))
        self._cursor = (index, byte - len(before[-1]), line)
        message = self._messages[index]
        topic, partition, number = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert number is not None
        place = Place(topic, partition, number, line)
        self._indexes[id(place)] = place, index
        return place

    def of(self, verdict: Verdict) -> Message:
        """Return the message of a verdict on one of the events."""
        return self._messages[self._indexes[id(verdict.position)][1]]


def split(messages: Sequence[Message]) -> Iterator[Messages]:
    """Yield messages in their order, in parts of about ``MOST_BYTES`` of values at most."""
    values: list[bytes] = list(map(_VALUE, messages))
    if None in values:
        values = [value or b"" for value in values]
    if sum(map(len, values)) <= MOST_BYTES:
        yield Messages(messages, values)
        return
    start = size = 0
    for index, value in enumerate(values):
        if size and size + len(value) > MOST_BYTES:
            yield Messages(messages[start:index], values[start:index])
            start, size = index, 0
        size += len(value)
    yield Messages(messages[start:], values[start:])
