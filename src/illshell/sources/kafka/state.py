"""Snapshots of states in Kafka: where they are kept, how they are written and read.

A snapshot is written to the state topic in numbered chunks. Where they are is written into the
metadata of the committed offset that the snapshot belongs to. The two are one commit, so a state
and an offset never disagree, whoever fails, and whether there are transactions or not; and what
takes a partition over reads its snapshot and nothing else of the topic. An offset that was set by
hand has no such metadata: there states begin anew.

The topic is compacted. The keys of a partition's snapshots alternate between two slots, so that one
that was written and then not committed never has compaction delete the one before it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.output import OutputMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Consumer, Message

    from illshell.sources.kafka.positions import Partition

VERSION: Final = 1

MAX_CHUNK: Final = 500_000
"""Bytes of a snapshot in one message."""

CHUNK_OVERHEAD: Final = 4096
"""Bytes of a message that are not the snapshot's, at most."""

READ_TIMEOUT: Final = 60.0
"""Seconds within which the next chunk of a snapshot must come."""

SNAPSHOT_HEADER: Final = "illshell.snapshot"
CHUNK_HEADER: Final = "illshell.chunk"


@dataclass(frozen=True, slots=True)
class SnapshotPointer:
    """Where a snapshot is: ``offset`` of its first chunk, ``end`` of its last, ``chunks``, digest.

    ``slot``: 0 or 1, which of the two keys it has.
    """

    topic: str
    partition: int
    offset: int
    end: int
    chunks: int
    digest: str
    slot: int

    def to_metadata(self) -> str:
        """Return it as the metadata of an offset: at most some 500 bytes, where 4,096 may be."""
        return json.dumps({"illshell": VERSION} | asdict(self), separators=(",", ":"))

    @staticmethod
    def from_metadata(metadata: str | None) -> SnapshotPointer | None:
        """Read the metadata of an offset; None where they are not of illshell.

        ValueError where they are of another version of illshell.
        """
        try:
            values = json.loads(metadata or "")
        except ValueError:
            return None
        if not isinstance(values, dict) or "illshell" not in values:
            return None
        version = values.pop("illshell")
        if version != VERSION:
            raise ValueError(f"version {version} of illshell's metadata, not {VERSION}")
        return SnapshotPointer(**values)

    def __str__(self) -> str:
        return f"{self.topic}, partition {self.partition}, offset {self.offset}"


def digest_of(snapshot: bytes) -> str:
    """Return what tells snapshots apart."""
    return blake2b(snapshot, digest_size=16).hexdigest()


class SnapshotWrite:
    """Writes a snapshot of a partition's state: its messages, then where they were stored.

    ``limit``: bytes that a message may have. ``before``: where the last snapshot is.
    """

    def __init__(
        self,
        group: str,
        partition: Partition,
        snapshot: bytes,
        target: tuple[str, int],
        *,
        limit: int,
        before: SnapshotPointer | None,
    ) -> None:
        self.partition = partition
        self.size = len(snapshot)
        self._snapshot = snapshot
        self._digest = digest_of(snapshot)
        self._group = group
        self._target = target
        self._chunk = max(1, min(MAX_CHUNK, limit - CHUNK_OVERHEAD))
        self._slot = 0 if before is None else 1 - before.slot
        self._offsets: list[int] = []
        self._error: KafkaError | None = None

    def messages(self) -> list[OutputMessage]:
        """Return the chunks as messages; all go into one partition, in their order."""
        self._offsets.clear()
        self._error = None
        topic, number = self._target
        name = f"{self._group}/{self.partition.topic}/{self.partition.number}/{self._slot}"
        starts = range(0, self.size, self._chunk)
        return [
            OutputMessage(
                topic,
                f"{name}/{index}".encode(),
                self._snapshot[start : start + self._chunk],
                [
                    (SNAPSHOT_HEADER, self._digest.encode()),
                    (CHUNK_HEADER, f"{index}/{len(starts)}".encode()),
                ],
                f"the state of {self.partition}",
                number,
                self._delivered,
            )
            for index, start in enumerate(starts)
        ]

    @property
    def pointer(self) -> SnapshotPointer:
        """Where it is, once all messages are delivered; KafkaException where one was refused."""
        if self._error is not None:
            if self._error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
                raise KafkaOutputError(
                    f"{self._target[0]}: {self._error.str()}; set its max.message.bytes to "
                    f"{self._chunk + CHUNK_OVERHEAD:,} or more"
                )
            raise KafkaException(self._error)
        assert self._offsets
        return SnapshotPointer(
            *self._target,
            min(self._offsets),
            max(self._offsets),
            len(self._offsets),
            self._digest,
            self._slot,
        )

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._error = error
            return
        offset = message.offset()
        assert offset is not None
        self._offsets.append(offset)


class SnapshotReader:
    """Reads snapshots, with a consumer that it makes when there is one to read."""

    def __init__(self, make_consumer: Callable[[], Consumer]) -> None:
        self._make_consumer = make_consumer
        self._consumer: Consumer | None = None

    def read(self, pointer: SnapshotPointer) -> bytes:
        """Return a snapshot; KafkaInputError where it is not there as a whole."""
        consumer = self._consumer = self._consumer or self._make_consumer()
        consumer.assign([TopicPartition(pointer.topic, pointer.partition, pointer.offset)])
        try:
            snapshot = b"".join(self._chunks(consumer, pointer))
        finally:
            consumer.unassign()
        if digest_of(snapshot) != pointer.digest:
            raise _lost(pointer, "its checksum differs")
        return snapshot

    def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            self._consumer.close()

    def _chunks(self, consumer: Consumer, pointer: SnapshotPointer) -> Sequence[bytes]:
        chunks: list[bytes] = []
        digest = pointer.digest.encode()
        give_up = time.monotonic() + READ_TIMEOUT
        while len(chunks) < pointer.chunks:
            message = consumer.poll(1.0)
            if message is None:
                if time.monotonic() > give_up:
                    raise KafkaInputError(f"{pointer}: a state could not be read: timed out")
                continue
            error = message.error()
            if error is not None:
                if error.code() in _ENDS:
                    raise _lost(pointer, error.str())
                if error.fatal() or not error.retriable():
                    raise KafkaInputError(f"{pointer}: a state could not be read: {error.str()}")
                continue
            offset = message.offset()
            assert offset is not None
            if offset > pointer.end:
                raise _lost(pointer, "a part of it is not there")
            headers: dict[str, Any] = dict(message.headers() or [])
            chunk = f"{len(chunks)}/{pointer.chunks}".encode()
            if (headers.get(SNAPSHOT_HEADER), headers.get(CHUNK_HEADER)) == (digest, chunk):
                chunks.append(message.value() or b"")
                give_up = time.monotonic() + READ_TIMEOUT
        return chunks


_ENDS: Final = (
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError._PARTITION_EOF,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.OFFSET_OUT_OF_RANGE,
)
"""What says that the rest of a snapshot will not come."""


def _lost(pointer: SnapshotPointer, why: str) -> KafkaInputError:
    return KafkaInputError(
        f"the state at {pointer} was deleted or damaged ({why}): restore the topic; or, to begin "
        "without a state, stop the group's members and set its offsets with "
        "`kafka-consumer-groups --reset-offsets --to-current`"
    )
