"""Where a consumer is in its partitions, and the way back when a batch was not committed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from illshell.sources.kafka.failures import KafkaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from confluent_kafka import Message

SEEK_TIMEOUT: Final = 60.0
"""Seconds within which a committed offset must be known and a partition rewound."""

STEP: Final = 5.0
"""Seconds that a request may take before it is repeated."""

PAUSE: Final = 0.1
"""Seconds between two tries."""


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}, partition {self.number}"


def partition_of(message: Message) -> Partition:
    """Return the partition of a message."""
    topic, number = message.topic(), message.partition()
    assert topic is not None
    assert number is not None
    return Partition(topic, number)


def offset_of(message: Message) -> int:
    """Return the offset of a message."""
    offset = message.offset()
    assert offset is not None
    return offset


def topic_partition(partition: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
    """Return a partition as librdkafka has it."""
    return TopicPartition(partition.topic, partition.number, offset)


class Positions:
    """Tracks which partitions were assigned, revoked and read to their end; rewinds them.

    ``on_revoked(partitions)`` is called with those that another consumer may have now. Its
    ``on_assign`` and ``on_revoke`` are the consumer's callbacks, called within its polls.
    """

    def __init__(self, consumer: Consumer) -> None:
        self.on_revoked: Callable[[Iterable[Partition]], object] = lambda _partitions: None
        self._consumer = consumer
        self._gone: set[Partition] = set()
        self._ends: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}

    def on_assign(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Begin anew with partitions that were assigned."""
        self._forget(map(_partition, partitions))

    def on_revoke(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Forget partitions that were revoked or lost."""
        self.on_revoked(list(map(_partition, partitions)))
        self._gone.update(map(_partition, partitions))
        self._forget(map(_partition, partitions))

    def begin(self) -> None:
        """Forget what was revoked before this batch."""
        self._gone.clear()

    def note_end(self, message: Message) -> None:
        """Note the end of a partition, as the consumer reports it."""
        self._ends[partition_of(message)] = offset_of(message)

    def note_committed(self, offsets: Sequence[TopicPartition]) -> None:
        """Note what is committed."""
        for each in offsets:
            self._next[_partition(each)] = each.offset

    def is_at_end(self) -> bool:
        """Whether every partition that is assigned is read to its end and committed."""
        assigned = set(map(_partition, self._consumer.assignment()))
        return bool(assigned) and all(
            self._ends.get(each, -1) >= self._next.get(each, 0) for each in assigned
        )

    def was_revoked(self) -> bool:
        """Whether a partition was revoked since the batch began."""
        return bool(self._gone)

    def rewind(self, firsts: Mapping[Partition, int]) -> None:
        """Go back to what is committed in partitions, or to these offsets where that is nothing.

        Another consumer may have had a partition in the meantime, and a commit may have worked
        though its answer was lost: only what is committed counts.
        """
        give_up = time.monotonic() + SEEK_TIMEOUT
        committed = self.committed(firsts)
        self._seek(
            {
                partition: first if committed[partition].offset < 0 else committed[partition].offset
                for partition, first in firsts.items()
            },
            give_up,
        )

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, TopicPartition]:
        """Return what is committed in partitions, with its metadata; the offset is < 0 for nothing.

        Waits for an open transaction that holds offsets of them. KafkaInputError after
        ``SEEK_TIMEOUT``.
        """
        give_up = time.monotonic() + SEEK_TIMEOUT
        places = [topic_partition(each) for each in partitions]
        while places:
            try:
                places = self._consumer.committed(places, timeout=STEP)
                break
            except KafkaException as failure:
                if time.monotonic() > give_up:
                    raise KafkaInputError(failure.args[0].str()) from None
                time.sleep(PAUSE)
        for each in places:
            if each.error is not None:
                raise KafkaInputError(f"{_partition(each)}: {each.error.str()}")
        return {_partition(each): each for each in places}

    def _seek(self, offsets: dict[Partition, int], give_up: float) -> None:
        for partition, offset in offsets.items():
            self._forget([partition])
            while partition in map(_partition, self._consumer.assignment()):
                try:
                    self._consumer.seek(topic_partition(partition, offset))
                except KafkaException as failure:
                    if time.monotonic() > give_up:
                        raise KafkaInputError(
                            f"{partition}: can't go back to offset {offset}: {failure.args[0]}"
                        ) from None
                    time.sleep(PAUSE)
                else:
                    break

    def _forget(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._ends.pop(partition, None)
            self._next.pop(partition, None)


def _partition(place: TopicPartition) -> Partition:
    return Partition(place.topic, place.partition)
