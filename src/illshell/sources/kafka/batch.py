"""A batch: what was read and judged, and is not yet committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import Message

from illshell.sources.kafka.judging import Judging, KafkaCounts, OutputMessage
from illshell.sources.kafka.positions import Partition, offset_of, partition_of, topic_partition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import TopicPartition

MOST_MESSAGES: Final = 100_000
MOST_BYTES: Final = 128 << 20
MOST_RECORDS: Final = 10_000
"""Where a batch ends before its time. Its messages are not kept, only the records they give."""

POLL_MESSAGES: Final = 1000
POLL_BYTES: Final = 1 << 20
"""A poll takes no more than stays in the processor's cache until it is judged."""


class Batch:
    """Records to produce, the offsets to commit with them, and what a person is to be told of."""

    def __init__(self, judging: Judging) -> None:
        self.counts = KafkaCounts()
        self.records: list[OutputMessage] = []
        self.bad: list[tuple[str, str]] = []
        self.firsts: dict[Partition, int] = {}
        self._lasts: dict[Partition, Message] = {}
        self._judging = judging

    def __bool__(self) -> bool:
        return bool(self._lasts)

    @property
    def is_full(self) -> bool:
        """Say whether it has as much as a batch should."""
        return (
            self.counts.messages >= MOST_MESSAGES
            or self.counts.bytes >= MOST_BYTES
            or len(self.records) >= MOST_RECORDS
        )

    @property
    def offsets(self) -> list[TopicPartition]:
        """The offsets to commit: one behind the last message of each partition."""
        return [topic_partition(key, offset_of(last) + 1) for key, last in self._lasts.items()]

    def take(self, messages: Sequence[Message], *, judge: bool = True) -> None:
        """Judge messages; without ``judge`` only note where they are."""
        lasts = _lasts(messages)
        self._lasts.update(lasts)
        new = lasts.keys() - self.firsts.keys()
        for message in messages if new else ():
            partition = partition_of(message)
            if partition in new:
                self.firsts[partition] = offset_of(message)
                new.discard(partition)
                if not new:
                    break
        if judge:
            self.records.extend(self._judging.records(messages, self.counts, self.bad))

    def next_poll(self) -> int:
        """Give how many messages to poll, by the size of those that were read."""
        messages, size = self.counts.messages, self.counts.bytes
        return max(1, min(POLL_MESSAGES, POLL_BYTES * messages // max(1, size)))


def _lasts(messages: Sequence[Message]) -> dict[Partition, Message]:
    """Give the last message of each partition; nearly always all are of one topic."""
    topics = list(map(Message.topic, messages))
    if topics.count(topics[0]) != len(topics):
        return {partition_of(message): message for message in messages}
    numbers = dict(zip(map(Message.partition, messages), messages, strict=True))
    return {partition_of(last): last for last in numbers.values()}
