"""A batch: what was read and judged, and is not yet committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import Message, TopicPartition

from illshell.sources.kafka.counts import KafkaCounts
from illshell.sources.kafka.positions import Partition, offset_of, partition_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from illshell.sources.kafka.message_detector import MessageDetector, Problem
    from illshell.sources.kafka.output import OutputMessage
    from illshell.sources.kafka.partition_detectors import Detectors
    from illshell.sources.kafka.state import SnapshotWrite

MAX_OUTPUTS: Final = 10_000
"""Messages to produce at which a batch ends before its time; those that were read are not kept."""

POLL_MESSAGES: Final = 1000
POLL_BYTES: Final = 1 << 20
"""A poll takes no more than stays in the processor's cache until it is judged."""


class Batch:
    """Messages to produce, snapshots to write, and the offsets to commit with them.

    ``problems``: the first ones, to be reported. ``firsts``: the first offset of
    each partition.
    """

    def __init__(self, detector: MessageDetector) -> None:
        self.counts = KafkaCounts()
        self.outputs: list[OutputMessage] = []
        self.snapshots: list[SnapshotWrite] = []
        self.problems: list[Problem] = []
        self.firsts: dict[Partition, int] = {}
        self._lasts: dict[Partition, Message] = {}
        self._detector = detector

    def __bool__(self) -> bool:
        return bool(self._lasts)

    @property
    def detectors(self) -> Detectors:
        """Whose states the snapshots are of."""
        return self._detector.detectors

    @property
    def is_full(self) -> bool:
        """Whether it has as much as a batch should."""
        return len(self.outputs) >= MAX_OUTPUTS

    def take(self, messages: Sequence[Message]) -> None:
        """Judge messages."""
        self._lasts.update(_lasts(messages))
        self.firsts = {**first_offsets(messages, self._lasts.keys() - self.firsts), **self.firsts}
        self.outputs.extend(self._detector.outputs(messages, self.counts, self.problems))

    def take_snapshots(self) -> None:
        """Keep snapshots of the states after the last messages."""
        self.snapshots = self.detectors.snapshots(self._lasts)

    def note_committed(self) -> None:
        """Note that the snapshots were committed."""
        self.detectors.note_committed(self.snapshots)

    def offsets(self) -> list[TopicPartition]:
        """Return the offsets to commit: one behind the last message of each partition.

        Each has as metadata where the partition's snapshot is, once that is written.
        """
        written = {write.partition: write.pointer.to_metadata() for write in self.snapshots}
        metadata_of = self.detectors.metadata_of
        return [
            TopicPartition(
                partition.topic,
                partition.number,
                offset_of(last) + 1,
                metadata=written.get(partition) or metadata_of(partition),
            )
            for partition, last in self._lasts.items()
        ]

    def next_poll(self) -> int:
        """Return how many messages to poll, by the size of those that were read."""
        messages, size = self.counts.messages, self.counts.bytes
        return max(1, min(POLL_MESSAGES, POLL_BYTES * messages // max(1, size)))


def first_offsets(
    messages: Iterable[Message], partitions: Iterable[Partition] | None = None
) -> dict[Partition, int]:
    """Return the first offset of each partition, or of each of these, in messages in order."""
    firsts: dict[Partition, int] = {}
    missing = None if partitions is None else set(partitions)
    for message in messages:
        if missing is not None and not missing:
            break
        partition = partition_of(message)
        if partition not in firsts and (missing is None or partition in missing):
            firsts[partition] = offset_of(message)
            if missing is not None:
                missing.discard(partition)
    return firsts


def _lasts(messages: Sequence[Message]) -> dict[Partition, Message]:
    """Return the last message of each partition; nearly always all are of one topic."""
    topics = list(map(Message.topic, messages))
    if topics.count(topics[0]) != len(topics):
        return {partition_of(message): message for message in messages}
    numbers = dict(zip(map(Message.partition, messages), messages, strict=True))
    return {partition_of(last): last for last in numbers.values()}
