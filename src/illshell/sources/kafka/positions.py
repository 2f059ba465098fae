"""Where a consumer stands in its partitions, and the way back when a batch was not committed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from illshell.sources.kafka.failures import KafkaInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from confluent_kafka import Message

PATIENCE: Final = 60.0
"""Seconds within which a partition must let itself be rewound."""

STEP: Final = 5.0
"""Seconds that a question may take before it is asked again."""

PAUSE: Final = 0.1
"""Seconds between two tries."""


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int


def partition_of(message: Message) -> Partition:
    """Give the partition that a message is of."""
    topic, number = message.topic(), message.partition()
    assert topic is not None
    assert number is not None
    return Partition(topic, number)


def offset_of(message: Message) -> int:
    """Give the offset of a message."""
    offset = message.offset()
    assert offset is not None
    return offset


def topic_partition(partition: Partition, offset: int = OFFSET_INVALID) -> TopicPartition:
    """Give a partition as librdkafka has it."""
    return TopicPartition(partition.topic, partition.number, offset)


class Positions:
    """Knows which partitions came, went and are read to their end; rewinds them.

    Its ``on_assign`` and ``on_revoke`` are the consumer's callbacks, called within its polls.
    """

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._gone: set[Partition] = set()
        self._ends: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}

    def on_assign(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Begin anew with the partitions that came."""
        self._forget(map(_partition, partitions))

    def on_revoke(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        """Let the partitions go, given back or lost."""
        self._gone.update(map(_partition, partitions))
        self._forget(map(_partition, partitions))

    def begin(self) -> None:
        """Forget what went before this batch."""
        self._gone.clear()

    def note_end(self, message: Message) -> None:
        """Take the consumer's word that a partition has been read to its end."""
        self._ends[partition_of(message)] = offset_of(message)

    def note_committed(self, offsets: Sequence[TopicPartition]) -> None:
        """Note what has been done with."""
        for each in offsets:
            self._next[_partition(each)] = each.offset

    def is_at_end(self) -> bool:
        """Say whether every partition that this consumer has is read to its end."""
        assigned = set(map(_partition, self._consumer.assignment()))
        return bool(assigned) and all(
            self._ends.get(each, -1) >= self._next.get(each, 0) for each in assigned
        )

    def went(self) -> bool:
        """Say whether partitions went since the batch began: some of it may be another's now."""
        return bool(self._gone)

    def rewind(self, firsts: Mapping[Partition, int]) -> None:
        """Go back to what is committed in partitions, or to these offsets where that is nothing.

        Another consumer may have had a partition in the meantime, and a commit may have worked
        though its answer was lost: only what is committed counts.
        """
        give_up = time.monotonic() + PATIENCE
        self._seek({**firsts, **dict(self._committed(firsts, give_up))}, give_up)

    def _committed(
        self, partitions: Iterable[Partition], give_up: float
    ) -> Iterator[tuple[Partition, int]]:
        places = [topic_partition(each) for each in partitions]
        while True:
            try:
                places = self._consumer.committed(places, timeout=STEP)
                break
            except KafkaException as failure:
                if time.monotonic() > give_up:
                    raise KafkaInputError(str(failure.args[0])) from None
                time.sleep(PAUSE)
        for each in places:
            if each.error is not None:
                raise KafkaInputError(f"{each.topic}: {each.error.str()}")
            if each.offset >= 0:
                yield _partition(each), each.offset

    def _seek(self, offsets: dict[Partition, int], give_up: float) -> None:
        for partition, offset in offsets.items():
            self._forget([partition])
            while partition in map(_partition, self._consumer.assignment()):
                try:
                    self._consumer.seek(topic_partition(partition, offset))
                except KafkaException as failure:
                    if time.monotonic() > give_up:
                        raise KafkaInputError(
                            f"{partition.topic}, partition {partition.number}: "
                            f"can't go back to offset {offset}: {failure.args[0]}"
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
