"""States of signatures in Kafka: committed with the offsets, restored with the partitions."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import Result, illshell
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
)
from exec_counter import EVERY, ID, ExecCounter, exec_lines, expected_counts
from hypothesis import given
from hypothesis import strategies as st
from kafka_topics import PARTITIONS, Feeder, Topics, Truth, consumer, of_signature, read

from illshell.detect.spec import DetectorSpec
from illshell.sources.kafka import runner
from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.options import KafkaOptions
from illshell.sources.kafka.partition_detectors import PartitionDetectors
from illshell.sources.kafka.positions import Partition
from illshell.sources.kafka.state import SnapshotPointer, SnapshotReader, SnapshotWrite
from illshell.sources.stop_flag import StopFlag

LINES = exec_lines(3000)


def arguments(topics: Topics, *more: str) -> list[str]:
    return topics.arguments("--exit-at-end", f"--state-topic={topics.state}", *more)


def run(topics: Topics, path: Path, *more: str, code: int = 0) -> Result:
    given_ = arguments(topics, f"--signature={ID}", *more)
    return illshell(*given_, code=code, PYTHONPATH=str(path))


def produce(
    topics: Topics, count: int, *, host: str = "h", partition: int = 0, **more: Any
) -> None:
    producer = Producer({"bootstrap.servers": topics.address, "enable.idempotence": True})
    for _ in range(count):
        event = {"eventName": "sched_process_exec", "hostName": host, **more}
        producer.produce(topics.events, json.dumps(event), partition=partition)
    assert producer.flush(30) == 0


def counts(topics: Topics) -> dict[tuple[int, int], int]:
    """Return the count of each finding by its place; no place has two."""
    found = {}
    for message in of_signature(ID, read(topics.address, topics.findings)):
        record = json.loads(message.value() or b"")
        place = record["position"]["partition"], record["position"]["offset"]
        assert place not in found
        found[place] = record["data"]["count"]
    return found


def job(topics: Topics, *, report: Any = print, **more: Any) -> runner.KafkaRun:
    options = KafkaOptions(
        topics.address,
        (topics.events,),
        findings_topic=topics.findings,
        **(
            {
                "group": topics.group,
                "detector": DetectorSpec.of([ExecCounter]),
                "state_topic": topics.state,
                "exit_at_end": True,
            }
            | more
        ),
    )
    return runner.KafkaRun(options, StopFlag(), report=report, on_problem=print)


def snapshots(topics: Topics) -> list[Message]:
    return read(topics.address, topics.state)


@pytest.mark.parametrize("mode", [[], ["--at-least-once"]])
def test_counts_go_on_where_they_were(topics: Topics, exec_counter: Path, mode: list[str]) -> None:
    options = [*mode, "--signature=TRC-1016"]
    for begin in range(0, len(LINES), 1000):
        Feeder(topics, LINES[begin : begin + 1000]).feed()
        result = run(topics, exec_counter, *options)
        assert "begins anew" not in result.err
    assert counts(topics) == expected_counts(LINES, PARTITIONS)
    Truth.of(LINES).check_findings(read(topics.address, topics.findings))


def test_a_state_that_stays_is_not_written_again(topics: Topics, exec_counter: Path) -> None:
    produce(topics, 5)
    run(topics, exec_counter)
    written = len(snapshots(topics))
    assert written > 0
    Feeder(topics, [b'{"eventName":"close"}'] * 40).feed()
    run(topics, exec_counter)
    assert len(snapshots(topics)) == written + PARTITIONS - 1  # of the three that had none
    produce(topics, EVERY - 5)
    run(topics, exec_counter)
    assert list(counts(topics).values()) == [EVERY]


def test_without_state_nothing_is_written(topics: Topics) -> None:
    produce(topics, 5)
    illshell(*arguments(topics))
    assert snapshots(topics) == []
    with consumer(topics.address, topics.group) as client:
        (place,) = client.committed([TopicPartition(topics.events, 0)], timeout=30)
    assert (place.offset, place.metadata or "") == (5, "")


def test_a_large_state_comes_in_chunks(topics: Topics, exec_counter: Path) -> None:
    for index in range(4):
        produce(topics, 1, host=f"host{index}", note=str(index) * 400_000)
    run(topics, exec_counter)
    last = snapshots(topics)[-1]
    assert dict(last.headers() or [])["illshell.chunk"] == b"3/4"
    assert len(last.value() or b"") < 500_000
    for index in range(4):
        produce(topics, EVERY - 1, host=f"host{index}")
    run(topics, exec_counter)
    assert list(counts(topics).values()) == [EVERY] * 4


@pytest.mark.parametrize("mode", ["exactly-once", "at-least-once"])
def test_a_batch_that_was_given_up_is_counted_once(
    topics: Topics, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """The state goes back to what is committed, also where the commit had worked."""
    Feeder(topics, LINES).feed()
    failures = 3

    def fail(error: KafkaError) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise KafkaException(error)

    class Wrapper:
        def __init__(self, client: Any) -> None:
            self._client = client

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def send_offsets_to_transaction(self, *given_: Any) -> None:
            self._client.send_offsets_to_transaction(*given_)
            fail(KafkaError(KafkaError._FAIL, "on purpose", txn_requires_abort=True))

        def commit(self, **given_: Any) -> None:
            self._client.commit(**given_)
            fail(KafkaError(KafkaError._FAIL, "on purpose"))

    make = "make_producer" if mode == "exactly-once" else "make_consumer"
    original = getattr(runner, make)
    monkeypatch.setattr(runner, make, lambda *given_: Wrapper(original(*given_)))
    running = job(topics, at_least_once=mode == "at-least-once")
    running.run()
    assert running.counts.given_up >= (3 if mode == "exactly-once" else 1)
    assert counts(topics) == expected_counts(LINES, PARTITIONS)


def test_large_states_make_longer_batches(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "STATE_BYTES_PER_SECOND", 1)
    monkeypatch.setattr(runner, "MAX_BATCH_SECONDS", 1.5)
    Feeder(topics, LINES, per_second=1000).start()
    running = job(topics)
    running.run()
    written = len(snapshots(topics))
    assert written <= PARTITIONS * 6


def test_a_state_topic_is_needed(topics: Topics, exec_counter: Path) -> None:
    given_ = [*topics.arguments(), f"--signature={ID}"]
    result = illshell(*given_, code=2, PYTHONPATH=str(exec_counter))
    assert "a signature keeps state: give --state-topic" in " ".join(result.err.split())


def test_a_state_topic_must_keep_states(topics: Topics, exec_counter: Path) -> None:
    result = run(topics, exec_counter, f"--state-topic={topics.dead}", code=4)
    assert f"topic {topics.dead}: its cleanup.policy is delete, which deletes states" in result.err
    result = run(topics, exec_counter, "--state-topic=not-there", code=4)
    assert "topic not-there: " in result.err


def test_a_state_that_was_deleted(topics: Topics, exec_counter: Path) -> None:
    produce(topics, 5)
    run(topics, exec_counter)
    admin = AdminClient({"bootstrap.servers": topics.address})
    for policy in ("delete", "compact"):
        entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
        topic = ConfigResource(ConfigResource.Type.TOPIC, topics.state, incremental_configs=[entry])
        admin.incremental_alter_configs([topic])[topic].result()
        if policy == "delete":
            ends = [TopicPartition(topics.state, number, -1) for number in range(2)]
            for done in admin.delete_records(ends).values():
                done.result()
    produce(topics, 5)
    result = run(topics, exec_counter, code=3)
    assert f"the state at {topics.state}, partition " in result.err
    assert "was deleted or damaged" in result.err
    assert "--reset-offsets" in result.err
    assert topics.committed()[0] == 5

    with consumer(topics.address, topics.group) as client:  # what that command does
        client.commit(offsets=[TopicPartition(topics.events, 0, 5)], asynchronous=False)
    result = run(topics, exec_counter)
    assert f"{topics.events}, partition 0: no state was committed with offset 5: it" in result.err
    produce(topics, 2)
    run(topics, exec_counter)
    assert list(counts(topics).values()) == [EVERY]


def test_a_topic_that_was_made_anew(topics: Topics) -> None:
    produce(topics, 5)
    job(topics).run()
    admin = AdminClient({"bootstrap.servers": topics.address})
    admin.delete_topics([topics.events])[topics.events].result()
    new = NewTopic(topics.events, PARTITIONS, 1)
    admin.create_topics([new])[topics.events].result()
    produce(topics, EVERY + 1)
    job(topics).run()
    assert counts(topics) == {(0, EVERY - 1): EVERY}


def test_a_log_that_was_cut() -> None:
    """Then the state is of events that are no longer there."""
    pointer = SnapshotPointer("states", 0, 1, 1, 1, "0", 0)
    place = TopicPartition("events", 3, 10, metadata=pointer.to_metadata())
    told: list[str] = []
    detectors = PartitionDetectors(
        DetectorSpec.of([ExecCounter]).make,
        SimpleNamespace(committed=lambda _partitions: {PARTITION: place}),  # type: ignore[arg-type]
        SimpleNamespace(),  # type: ignore[arg-type]
        group="g",
        target=("states", 1),
        limit=10_000,
        report=told.append,
    )
    message: Any = SimpleNamespace(topic=lambda: "events", partition=lambda: 3, offset=lambda: 4)
    ((detector, part),) = detectors.assigned([message])
    assert detector.is_stateful
    assert part == [message]
    assert detectors.metadata_of(PARTITION) == ""
    assert told == [
        "events, partition 3 begins at offset 4, and 10 was committed: its state begins anew"
    ]


class TakesNoState(ExecCounter):
    def restore(self, state: bytes) -> None:
        raise ValueError("not mine")


class GivesNoState(ExecCounter):
    def snapshot(self) -> bytes:
        raise ValueError("too much to tell")


def test_a_signature_that_refuses_its_state(topics: Topics) -> None:
    produce(topics, 5)
    refusing = job(topics, detector=DetectorSpec.of([TakesNoState]))
    refusing.run()
    produce(topics, 1)
    refusing = job(topics, detector=DetectorSpec.of([TakesNoState]))
    with pytest.raises(KafkaInputError, match=r"partition 0 at .* can't be taken: not mine"):
        refusing.run()
    refusing = job(topics, detector=DetectorSpec.of([GivesNoState]), group=f"{topics.group}-2")
    with pytest.raises(KafkaOutputError, match="partition 0 can't be kept: too much to tell"):
        refusing.run()
    assert topics.committed()[0] == 5


class Log:
    """A state topic without a broker: keeps what is written, and is its own consumer."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._next = 0

    def write(self, write: SnapshotWrite) -> SnapshotPointer:
        for output in write.messages():
            self.append(output.value, output.headers)
            assert output.on_delivery is not None
            output.on_delivery(None, self.messages[-1])
        return write.pointer

    def append(self, value: bytes, headers: Any) -> None:
        offset = len(self.messages)
        message = SimpleNamespace(
            value=lambda: value,
            headers=lambda: headers,
            offset=lambda: offset,
            error=lambda: None,
        )
        self.messages.append(message)

    def assign(self, places: list[TopicPartition]) -> None:
        self._next = places[0].offset

    def unassign(self) -> None:
        pass

    def poll(self, _seconds: float) -> Any:
        self._next += 1
        if self._next > len(self.messages):
            end = KafkaError(KafkaError._PARTITION_EOF)
            return SimpleNamespace(error=lambda: end)
        return self.messages[self._next - 1]


PARTITION = Partition("events", 3)


def snapshot_write(snapshot: bytes, limit: int, before: SnapshotPointer | None) -> SnapshotWrite:
    return SnapshotWrite(
        "group", PARTITION, snapshot, ("states", 1), limit=4096 + limit, before=before
    )


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=5), st.integers(1, 50))
def test_each_snapshot_is_read_again(given_: list[bytes], limit: int) -> None:
    log = Log()
    pointer = None
    pointers = []
    for snapshot in given_:
        pointer = log.write(snapshot_write(snapshot, limit, pointer))
        log.append(b"another", [])
        pointers.append(pointer)
    reader = SnapshotReader(lambda: log)  # type: ignore[arg-type, return-value]
    for snapshot, pointer in zip(given_, pointers, strict=True):
        assert SnapshotPointer.from_metadata(pointer.to_metadata()) == pointer
        assert reader.read(pointer) == snapshot
        assert pointer.chunks == -(-len(snapshot) // limit)
    assert [pointer.slot for pointer in pointers] == [index % 2 for index in range(len(pointers))]


@given(st.binary(min_size=2, max_size=40), st.data())
def test_a_snapshot_with_a_part_missing_is_an_error(snapshot: bytes, data: st.DataObject) -> None:
    log = Log()
    pointer = log.write(snapshot_write(snapshot, 3, None))
    log.messages.pop(data.draw(st.integers(0, len(log.messages) - 1)))
    with pytest.raises(KafkaInputError, match="deleted or damaged"):
        SnapshotReader(lambda: log).read(pointer)  # type: ignore[arg-type, return-value]


def test_metadata_of_others() -> None:
    assert SnapshotPointer.from_metadata(None) is None
    assert SnapshotPointer.from_metadata("") is None
    assert SnapshotPointer.from_metadata("mine") is None
    assert SnapshotPointer.from_metadata('{"a":1}') is None
    with pytest.raises(ValueError, match="version 2 of illshell's metadata"):
        SnapshotPointer.from_metadata('{"illshell":2}')
    pointer = SnapshotPointer("t" * 249, 9999, 2**63 - 1, 2**63 - 1, 999, "f" * 32, 1)
    assert len(pointer.to_metadata()) < 500


def test_a_chunk_that_the_broker_refuses() -> None:
    write = snapshot_write(b"123", 2, None)
    for output in write.messages():
        assert output.on_delivery is not None
        output.on_delivery(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)  # type: ignore[arg-type]
    with pytest.raises(KafkaOutputError, match=r"states: .*; set its max.message.bytes to 4,098"):
        _ = write.pointer
