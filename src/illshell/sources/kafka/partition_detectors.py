"""Which detector judges a message: one for all of them, or one for each partition."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.positions import offset_of, partition_of
from illshell.sources.kafka.state import SnapshotPointer, SnapshotWrite, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from confluent_kafka import Message

    from illshell.detect.detector import Detector
    from illshell.sources.kafka.positions import Partition, Positions
    from illshell.sources.kafka.state import SnapshotReader


class Detectors(Protocol):
    """Chooses detectors, and keeps their states."""

    state_bytes: int
    """Bytes of the snapshots that were last taken."""

    def assigned(self, messages: Sequence[Message]) -> Iterable[tuple[Detector, Sequence[Message]]]:
        """Return messages with the detector of each, those of a partition in their order."""

    def snapshots(self, partitions: Iterable[Partition]) -> list[SnapshotWrite]:
        """Return what must be written of partitions with the offsets behind their last events."""

    def metadata_of(self, partition: Partition) -> str:
        """Return the metadata to commit with an offset whose state did not change."""

    def note_committed(self, writes: Iterable[SnapshotWrite]) -> None:
        """Note that snapshots were committed."""

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drop states that are no longer needed or ahead of what is committed."""

    def close(self) -> None:
        """Close all detectors."""


class SharedDetector:
    """One detector without state for all messages."""

    state_bytes = 0

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def assigned(self, messages: Sequence[Message]) -> Iterable[tuple[Detector, Sequence[Message]]]:
        """Return all messages at once."""
        return ((self._detector, messages),)

    def snapshots(self, _partitions: Iterable[Partition]) -> list[SnapshotWrite]:
        """Return nothing: there is no state."""
        return []

    def metadata_of(self, _partition: Partition) -> str:
        """Return no metadata."""
        return ""

    def note_committed(self, _writes: Iterable[SnapshotWrite]) -> None:
        """Nothing was written."""

    def forget(self, _partitions: Iterable[Partition]) -> None:
        """There is no state to drop."""

    def close(self) -> None:
        """Close the signatures."""
        self._detector.close()


@dataclass(slots=True)
class _Stream:
    """A partition's detector, and the snapshot that is committed."""

    detector: Detector
    committed: SnapshotPointer | None


class PartitionDetectors:
    """One detector for each partition: a partition is a stream, and its state goes where it goes.

    A detector is made at the first message of a partition, with the state that is committed with
    its offset. It is dropped when the partition goes, and when a batch is given up: the next
    message makes it anew from what is committed, so that there is one way to a state.

    ``target``: the state topic and how many partitions it has. ``limit``: bytes that a message into
    it may have.
    """

    def __init__(
        self,
        make_detector: Callable[[], Detector],
        positions: Positions,
        reader: SnapshotReader,
        *,
        group: str,
        target: tuple[str, int],
        limit: int,
        report: Callable[[str], object],
    ) -> None:
        self._make_detector = make_detector
        self._positions = positions
        self._reader = reader
        self._group = group
        self._target = target
        self._limit = limit
        self._report = report
        self._streams: dict[Partition, _Stream] = {}
        self.state_bytes = 0

    def assigned(self, messages: Sequence[Message]) -> Iterator[tuple[Detector, Sequence[Message]]]:
        """Yield the messages of each partition with its detector.

        KafkaInputError where a state can't be read or taken.
        """
        parts: dict[Partition, list[Message]] = {}
        for message in messages:
            parts.setdefault(partition_of(message), []).append(message)
        for partition, part in parts.items():
            stream = self._streams.get(partition)
            if stream is None:
                stream = self._restored(partition, offset_of(part[0]))
                self._streams[partition] = stream
            yield stream.detector, part

    def snapshots(self, partitions: Iterable[Partition]) -> list[SnapshotWrite]:
        """Return the snapshots that differ from those that are committed.

        KafkaOutputError where a signature can't give one, or gives too large a one.
        """
        writes = []
        self.state_bytes = 0
        for partition in partitions:
            stream = self._streams[partition]
            try:
                snapshot = stream.detector.snapshot()
            except Exception as error:
                raise KafkaOutputError(f"the state of {partition} can't be kept: {error}") from None
            self.state_bytes += len(snapshot)
            committed = stream.committed
            if committed is None or committed.digest != digest_of(snapshot):
                writes.append(self._write(partition, snapshot, committed))
        return writes

    def metadata_of(self, partition: Partition) -> str:
        """Return where the partition's snapshot is that is committed."""
        committed = self._streams[partition].committed
        return "" if committed is None else committed.to_metadata()

    def note_committed(self, writes: Iterable[SnapshotWrite]) -> None:
        """Compare later snapshots with these."""
        for write in writes:
            stream = self._streams.get(write.partition)
            if stream is not None:
                stream.committed = write.pointer

    def forget(self, partitions: Iterable[Partition]) -> None:
        """Drop the detectors of partitions."""
        for partition in partitions:
            stream = self._streams.pop(partition, None)
            if stream is not None:
                stream.detector.close()

    def close(self) -> None:
        """Close all detectors and the reader of snapshots."""
        self.forget(list(self._streams))
        self._reader.close()

    def _write(
        self, partition: Partition, snapshot: bytes, committed: SnapshotPointer | None
    ) -> SnapshotWrite:
        topic, partitions = self._target
        name = f"{self._group}/{partition.topic}/{partition.number}"
        target = topic, zlib.crc32(name.encode()) % partitions
        return SnapshotWrite(
            self._group, partition, snapshot, target, limit=self._limit, before=committed
        )

    def _restored(self, partition: Partition, offset: int) -> _Stream:
        """Return a new detector with the state that is committed; ``offset``: its first message."""
        pointer = self._pointer(partition, offset)
        detector = self._make_detector()
        if pointer is not None:
            snapshot = self._reader.read(pointer)
            try:
                detector.restore(snapshot)
            except Exception as error:
                raise KafkaInputError(
                    f"the state of {partition} at {pointer} can't be taken: {error}"
                ) from None
        return _Stream(detector, pointer)

    def _pointer(self, partition: Partition, offset: int) -> SnapshotPointer | None:
        committed: Any = self._positions.committed([partition])[partition]
        if committed.offset < 0:
            return None
        if offset < committed.offset:
            # The log was cut behind the group's back: an unclean election, a restored backup.
            self._report(
                f"{partition} begins at offset {offset}, and {committed.offset} was committed: "
                "its state begins anew"
            )
            return None
        try:
            pointer = SnapshotPointer.from_metadata(committed.metadata)
        except (TypeError, ValueError) as error:
            raise KafkaInputError(f"the state of {partition} can't be found: {error}") from None
        if pointer is None:
            self._report(
                f"{partition}: no state was committed with offset {committed.offset}: it begins "
                "anew there"
            )
        return pointer
