"""Positions: where an event came from. One family of types, one order, one JSON form."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import total_ordering
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


@total_ordering
@dataclass(frozen=True, slots=True)
class Position:
    """Base of the family.

    Positions of one source are ordered as its input is; any two are ordered, by kind and then by
    their values. Hashable and immutable.
    """

    rank: ClassVar[int] = -1
    is_durable: ClassVar[bool] = True
    """Whether the event is found there again in a later run."""

    def to_json(self) -> dict[str, Any]:
        """Return the values by name, as every JSON form of a finding has them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def key(self) -> tuple[Any, ...]:
        """The kind's rank and the values: what the order goes by."""
        return (self.rank, *self.to_json().values())

    def __lt__(self, other: object) -> bool:
        return self.key < other.key if isinstance(other, Position) else NotImplemented


@dataclass(frozen=True, slots=True)
class ByteRange(Position):
    """Bytes of a source: ``offset`` and ``length`` in its decompressed stream."""

    source: str
    offset: int
    length: int
    rank: ClassVar[int] = 0

    def __str__(self) -> str:
        return f"{self.source}: byte {self.offset}"


@dataclass(frozen=True, slots=True)
class Row(Position):
    """A row of a columnar source, counted from 0."""

    source: str
    row: int
    rank: ClassVar[int] = 1

    def __str__(self) -> str:
        return f"{self.source}: row {self.row}"


@dataclass(frozen=True, slots=True)
class Message(Position):
    """A message of Kafka; ``line`` counts the events of one message, from 0."""

    topic: str
    partition: int
    offset: int
    line: int = 0
    rank: ClassVar[int] = 2

    def __str__(self) -> str:
        place = f"{self.topic}, partition {self.partition}, offset {self.offset}"
        return f"{place}, line {self.line}" if self.line else place


@dataclass(frozen=True, slots=True)
class Sequence(Position):
    """The number of an event in a source that can't be read again, counted from 0."""

    source: str
    number: int
    rank: ClassVar[int] = 3
    is_durable: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{self.source}: event {self.number}"


def position_from_json(values: Mapping[str, Any]) -> Position:
    """Return the position whose :meth:`Position.to_json` these values are; ValueError for none."""
    for kind in (ByteRange, Row, Message, Sequence):
        if values.keys() == {field.name for field in fields(kind)}:
            return kind(**values)
    raise ValueError(f"no position has the values {', '.join(values) or 'none'}")
