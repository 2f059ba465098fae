"""`illshell kafka` with a real broker: against throwing the same topic away, and two against one.

Both sides are timed while they read: neither the start of a process nor joining the group counts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from affinity import on_cores
from sizes import QUICK, Sizes
from timing import Seconds

pytest.importorskip("confluent_kafka", reason="needs illshell[kafka]")

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kafka_broker import Broker, missing

from illshell.detect.spec import DetectorSpec
from illshell.sources.kafka.counts import KafkaCounts
from illshell.sources.kafka.options import KafkaOptions
from illshell.sources.kafka.runner import KafkaRun
from illshell.sources.stop_flag import StopFlag

Pair = Callable[..., float]

PARTITIONS = 4
TOPIC = "mixed"
FINDINGS = "findings"


@pytest.fixture(scope="module")
def events(sizes: Sizes) -> int:
    """Say how many events the topic has."""
    return 20_000 if sizes is QUICK else sizes.gigabyte


@pytest.fixture(scope="module")
def broker(
    tmp_path_factory: pytest.TempPathFactory,
    stream: Callable[[str, int], Path],
    events: int,
    all_cores: set[int],
) -> Iterator[Broker]:
    """Give a broker, on the cores that the benchmarks leave free, with a topic of 1 KB events."""
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with on_cores(all_cores - os.sched_getaffinity(0)):
        broker = Broker(tmp_path_factory.mktemp("broker"))
        broker.start()
        try:
            make(broker.address, TOPIC, FINDINGS)
            producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
            fill(producer, TOPIC, stream("mixed", events))
        except BaseException:
            broker.stop()
            raise
    try:
        yield broker
    finally:
        broker.stop()


def make(address: str, *topics: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    new = [NewTopic(topic, PARTITIONS, 1) for topic in topics]
    for made in admin.create_topics(new).values():
        made.result()


def fill(producer: Producer, topic: str, path: Path) -> int:
    """Produce the lines of a file; say how many there are."""
    row = -1
    with path.open("rb") as lines:
        for row, line in enumerate(lines):
            while True:
                try:
                    producer.produce(topic, line, partition=row % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.1)
    assert producer.flush(60) == 0
    return row + 1


class Clock:
    """Times from the first count that is not 0 to the last; a first that is the last, from here."""

    def __init__(self) -> None:
        self._made = time.perf_counter()
        self._began: tuple[float, int] | None = None
        self.per_event = Seconds(0)

    def note(self, count: int) -> None:
        now = time.perf_counter()
        if self._began is None and count:
            self._began = (now, count)
            self.per_event = Seconds((now - self._made) / count)
        elif self._began is not None and count > self._began[1]:
            self.per_event = Seconds((now - self._began[0]) / (count - self._began[1]))


def throw_away(address: str, events: int) -> Seconds:
    """Consume the topic in batches; give the seconds per event."""
    settings = {
        "bootstrap.servers": address,
        "group.id": str(uuid.uuid4()),
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        # As illshell kafka has it: otherwise a queue that was full costs a second.
        "fetch.queue.backoff.ms": 10,
    }
    consumer = Consumer(settings)
    consumer.subscribe([TOPIC])
    clock, count = Clock(), 0
    while count < events:
        count += len(consumer.consume(1000, 0.25))
        clock.note(count)
    consumer.close()
    return clock.per_event


def detect(address: str, events: int, *, at_least_once: bool = False) -> Seconds:
    """Judge the topic as the command does; give the seconds per event."""
    stop, clock = StopFlag(), Clock()

    def progress(counts: KafkaCounts) -> None:
        clock.note(counts.messages)
        if counts.messages >= events:
            stop.request(signal.SIGTERM)

    options = KafkaOptions(
        address,
        (TOPIC,),
        str(uuid.uuid4()),
        FINDINGS,
        DetectorSpec.of(),
        at_least_once=at_least_once,
    )
    run = KafkaRun(options, stop, report=print, on_problem=print, on_progress=progress)
    run.run()
    assert run.counts.events == events
    assert run.counts.findings > 0
    return clock.per_event


@pytest.mark.parametrize("at_least_once", [False, True])
def test_detecting_against_throwing_away(
    pair: Pair, broker: Broker, events: int, at_least_once: bool
) -> None:
    """One consumer on one core; the broker has the other."""
    mode = "at least once" if at_least_once else "exactly once"
    pair(
        f"illshell kafka, {mode}, against consuming and throwing away, events of 1 KB",
        lambda: detect(broker.address, events, at_least_once=at_least_once),
        lambda: throw_away(broker.address, events),
        at_least=0.5,
        rounds=5,
    )


def test_two_consumers_against_one(
    pair: Pair,
    broker: Broker,
    stream: Callable[[str, int], Path],
    events: int,
    all_cores: set[int],
) -> None:
    """Processes of one group on a core each, and the broker on the same cores as they.

    So the second consumer comes with a second core, for the broker too: where two cores are all
    there is, a broker that has one for itself leaves none to the second consumer.
    """
    if len(all_cores) < 2:
        pytest.skip("needs two cores")
    path = stream("mixed", events)
    pair(
        "two consumers and the broker on two cores against one and the broker on one",
        lambda: together(broker, path, sorted(all_cores)[-2:]),
        lambda: together(broker, path, sorted(all_cores)[-1:]),
        at_least=1.7,
        rounds=3,
    )


def together(broker: Broker, path: Path, cores: list[int]) -> Seconds:
    """Let a process on each core read the events, all of which are there at the same moment.

    Until their transaction is committed nobody can read them: by then every consumer has joined.
    """
    topic, address = str(uuid.uuid4()), broker.address
    make(address, topic)
    settings = {"bootstrap.servers": address, "log_level": 0, "transactional.id": topic}
    producer = Producer({**settings, "transaction.timeout.ms": 600_000})
    producer.init_transactions()
    producer.begin_transaction()
    events = fill(producer, topic, path)
    command = [sys.executable, "-m", "illshell", "kafka", f"--brokers={address}", "--quiet"]
    command += [f"--topic={topic}", f"--group={topic}", f"--findings-topic={FINDINGS}"]
    running = []
    try:
        for core in cores:
            with on_cores({core}):
                running.append(subprocess.Popen(command))
        wait_until_joined(address, topic, len(cores))
        broker.pin(set(cores))
        watcher = Consumer({"bootstrap.servers": address, "group.id": topic})
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        producer.commit_transaction()
        began = time.perf_counter()
        while sum(max(each.offset, 0) for each in watcher.committed(places, timeout=30)) < events:
            time.sleep(0.02)
        seconds = Seconds(time.perf_counter() - began)
        watcher.close()
        return seconds
    finally:
        broker.pin(set(range(os.cpu_count() or 1)))
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def wait_until_joined(address: str, group: str, members: int) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    while True:
        time.sleep(0.05)
        try:
            described = admin.describe_consumer_groups([group])[group].result()
        except KafkaException:  # the coordinator is still being made
            continue
        ready = [each for each in described.members if each.assignment.topic_partitions]
        if len(ready) == members and described.state == ConsumerGroupState.STABLE:
            return
