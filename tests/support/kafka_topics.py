"""Topics of the tests: made, filled, read, and what the rule must find in them."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from illshell.model.errors import IllshellError
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS

PARTITIONS: Final = 4
DEADLINE: Final = 60.0

Place = tuple[int, int]  # partition and offset


@dataclass(frozen=True)
class Topics:
    """Topics of one test, and the group that reads them."""

    address: str
    events: str
    findings: str
    dead: str
    state: str
    group: str

    @staticmethod
    def make(address: str, name: str) -> Topics:
        names = [f"{name}.{kind}" for kind in ("events", "findings", "dead", "state")]
        topics = Topics(address, *names, name)
        compacted = {"cleanup.policy": "compact"}
        new = [
            NewTopic(topics.events, PARTITIONS, 1),
            NewTopic(topics.findings, 2, 1),
            NewTopic(topics.dead, 1, 1),
            NewTopic(topics.state, 2, 1, config=compacted),
        ]
        admin = AdminClient({"bootstrap.servers": address})
        for made in admin.create_topics(new).values():
            made.result()
        return topics

    def arguments(self, *more: str) -> list[str]:
        """Return the arguments of ``illshell``."""
        return [
            "kafka",
            f"--brokers={self.address}",
            f"--topic={self.events}",
            f"--group={self.group}",
            f"--findings-topic={self.findings}",
            f"--dead-letter-topic={self.dead}",
            *more,
        ]

    def committed(self) -> dict[int, int]:
        """Return the group's offset in each partition; 0 where there is none."""
        wanted = [TopicPartition(self.events, number) for number in range(PARTITIONS)]
        deadline = time.monotonic() + DEADLINE
        with consumer(self.address, self.group, log_level=0) as client:
            while True:
                try:
                    got = client.committed(wanted, timeout=10)
                    break
                except KafkaException:  # a coordinator that is being found or made
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        return {each.partition: max(each.offset, 0) for each in got}

    def wait_until_committed(
        self, ends: dict[int, int], *workers: subprocess.Popen[bytes], seconds: float = DEADLINE
    ) -> None:
        """Wait until the group has read so far; the workers must live."""
        deadline = time.monotonic() + seconds
        while (committed := self.committed()) != ends:
            for worker in workers:
                assert worker.poll() is None, worker.communicate()[1].decode()
            assert time.monotonic() < deadline, f"{committed} is not {ends}"
            time.sleep(0.2)


@contextmanager
def consumer(address: str, group: str = "nobody", **more: Any) -> Iterator[Consumer]:
    """Open a consumer that reads what is committed and commits nothing."""
    settings = {"bootstrap.servers": address, "group.id": group, "enable.auto.commit": False}
    client = Consumer({**settings, "enable.partition.eof": True, **more})
    try:
        yield client
    finally:
        client.close()


def read(address: str, topic: str) -> list[Message]:
    """Read all of a topic that a read_committed reader can see."""
    messages: list[Message] = []
    with consumer(address, **{"isolation.level": "read_committed"}) as client:
        partitions = client.list_topics(topic, timeout=DEADLINE).topics[topic].partitions
        client.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        left = set(partitions)
        while left:
            for message in client.consume(10_000, 1):
                error = message.error()
                if error is None:
                    messages.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise AssertionError(error)
    return messages


def read_at_least(count: int, address: str, topic: str, seconds: float = DEADLINE) -> list[Message]:
    """Read a topic until as many are there: a transaction that was cut off hides what follows."""
    deadline = time.monotonic() + seconds
    while True:
        messages = read(address, topic)
        if len(messages) >= count or time.monotonic() > deadline:
            return messages
        time.sleep(0.5)


class Feeder(threading.Thread):
    """Produces lines, the nth into partition n modulo ``PARTITIONS``, at a rate if one is given."""

    def __init__(
        self, topics: Topics, lines: Sequence[bytes], per_second: float | None = None
    ) -> None:
        super().__init__(daemon=True)
        self._topics = topics
        self._lines = lines
        self._per_second = per_second
        self.failed: list[KafkaError] = []

    def run(self) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._topics.address,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        started = time.monotonic()
        for row, line in enumerate(self._lines):
            producer.produce(
                self._topics.events, line, partition=row % PARTITIONS, on_delivery=self._delivered
            )
            if row % 1000 == 999:
                producer.poll(0)
                if self._per_second:
                    ahead = row / self._per_second - (time.monotonic() - started)
                    time.sleep(max(0, ahead))
        assert producer.flush(DEADLINE) == 0

    def feed(self) -> None:
        """Produce everything now."""
        self.run()
        assert not self.failed

    def ends(self) -> dict[int, int]:
        """Return the offset behind the last line of each partition."""
        count = len(self._lines)
        return {number: len(range(number, count, PARTITIONS)) for number in range(PARTITIONS)}

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self.failed.append(error)


@dataclass
class Truth:
    """What must come of lines: the reference implementation's word on what ``json.loads`` reads."""

    findings: dict[Place, Any]
    bad: set[Place]

    @staticmethod
    def of(lines: Iterable[bytes]) -> Truth:
        judge = reference.IllegitimateShell(EVENTS).matches
        truth = Truth({}, set())
        for row, line in enumerate(lines):
            place = (row % PARTITIONS, row // PARTITIONS)
            try:
                event = json.loads(line)
                if judge(event):
                    truth.findings[place] = event
            except (ValueError, IllshellError):
                truth.bad.add(place)
        return truth

    def check_findings(self, messages: Sequence[Message], *, once: bool = True) -> None:
        """See that the findings are these, each once or each at least once, with one uid each."""
        found: dict[Place, list[str]] = defaultdict(list)
        for message in of_signature("TRC-1016", messages):
            record = json.loads(message.value() or b"")
            position = record["position"]
            place = (position["partition"], position["offset"])
            assert record["event"] == self.findings[place]
            assert message.key() == record["uid"].encode()
            found[place].append(record["uid"])
        assert found.keys() == self.findings.keys()
        assert all(len(set(uids)) == 1 for uids in found.values())
        assert len({uids[0] for uids in found.values()}) == len(found)
        if once:
            repeated = {place: uids for place, uids in found.items() if len(uids) > 1}
            assert not repeated

    def check_dead_letters(self, messages: Sequence[Message], *, once: bool = True) -> None:
        places = []
        for message in messages:
            headers = dict(message.headers() or [])
            places.append((int(headers["illshell.partition"]), int(headers["illshell.offset"])))
            assert headers["illshell.reason"]
        assert set(places) == self.bad
        if once:
            assert len(places) == len(self.bad)


def of_signature(signature: str, findings: Iterable[Message]) -> list[Message]:
    """Return the findings of one signature."""
    return [
        each
        for each in findings
        if dict(each.headers() or [])["illshell.signature"] == signature.encode()
    ]


def small_lines(count: int) -> list[bytes]:
    """Return small events: 1 in 50 a finding, 1 in 50 nearly one, 1 in 1000 invalid in some way."""
    noise = b'{"timestamp":%d,"hostName":"h","hostThreadId":7,"processName":"nginx","eventName":"close"}'
    event = (
        b'{"timestamp":%d,"hostName":"h","hostThreadId":7,"processName":"%b","eventName":"%b",'
        b'"args":[{"name":"%b","type":"string","value":"%b"}]}'
    )
    check = (b"security_bprm_check", b"pathname")
    done = (b"sched_process_exec", b"prev_comm")
    kinds = {
        3: (b"nginx", *check, b"/bin/sh"),
        53: (b"sh", *done, b"apache2"),
        28: (b"nginx", *check, b"/bin/shx"),
        78: (b"nginx", *done, b"sh"),
    }
    bad = (
        b"no event",
        b'{"eventName":',
        b'{"eventName":"security_bprm_check","processName":"nginx"}',
    )
    lines = []
    for row in range(count):
        if row % 1000 == 500:
            lines.append(bad[row // 1000 % 3])
        elif row % 100 in kinds:
            lines.append(event % (row + 1, *kinds[row % 100]))
        else:
            lines.append(noise % (row + 1))
    return lines
