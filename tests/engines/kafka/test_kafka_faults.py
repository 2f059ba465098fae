"""`illshell kafka` with a real broker when things go wrong: nothing lost, nothing twice."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import Result, finish, started
from exec_counter import ID, exec_lines, expected_counts
from kafka_broker import Broker
from kafka_topics import (
    PARTITIONS,
    Feeder,
    Place,
    Topics,
    Truth,
    of_signature,
    read,
    read_at_least,
    small_lines,
)

pytestmark = pytest.mark.slow

KILLS = 20
Process = subprocess.Popen[bytes]


@dataclass
class Load:
    """Events of a test, what judges them, and what must come out."""

    topics: Topics
    package: Path

    def options(self) -> tuple[str, ...]:
        return ()

    def lines(self, count: int) -> list[bytes]:
        return small_lines(count)

    @contextmanager
    def fed(self, count: int, per_second: float) -> Iterator[tuple[Feeder, list[bytes]]]:
        """Produce while the body runs; at its end all is produced."""
        lines = self.lines(count)
        feeder = Feeder(self.topics, lines, per_second)
        feeder.start()
        yield feeder, lines
        feeder.join(120)
        assert not feeder.is_alive()
        assert not feeder.failed

    def started(self, *more: str) -> AbstractContextManager[Process]:
        arguments = self.topics.arguments(*self.options(), *more)
        environ = {"PYTHONPATH": str(self.package)}
        return started(*arguments, environ=environ, stdin=subprocess.DEVNULL)

    def work(self, stack: ExitStack, *more: str) -> Process:
        return stack.enter_context(self.started(*more))

    def read_to_the_end(self, feeder: Feeder, *options: str) -> None:
        """Run one more consumer until all is read."""
        with self.started(*options, "--exit-at-end") as process:
            result = finish(process)
        assert result.code == 0, result.err
        assert self.topics.committed() == feeder.ends()

    def check(self, lines: list[bytes], *, once: bool = True) -> None:
        truth = Truth.of(lines)
        self.check_findings(truth, lines, once=once)
        truth.check_dead_letters(read(self.topics.address, self.topics.dead), once=once)

    def check_findings(self, truth: Truth, _lines: list[bytes], *, once: bool) -> None:
        topics = self.topics
        findings = read_at_least(len(truth.findings), topics.address, topics.findings)
        truth.check_findings(findings, once=once)


class StatefulLoad(Load):
    """Two signatures, one of which counts: an event that it sees twice, or never, is noticed."""

    def options(self) -> tuple[str, ...]:
        return ("--signature=TRC-1016", f"--signature={ID}", f"--state-topic={self.topics.state}")

    def lines(self, count: int) -> list[bytes]:
        return exec_lines(count)

    def check_findings(self, truth: Truth, lines: list[bytes], *, once: bool) -> None:
        expected = expected_counts(lines, PARTITIONS)
        topics = self.topics
        wanted = len(expected) + len(truth.findings)
        findings = read_at_least(wanted, topics.address, topics.findings)
        truth.check_findings(findings, once=once)
        counted: dict[Place, set[int]] = defaultdict(set)
        of_counter = of_signature(ID, findings)
        for message in of_counter:
            record = json.loads(message.value() or b"")
            position = record["position"]
            place = position["partition"], position["offset"]
            counted[place].add(record["data"]["count"])
        assert counted == {place: {count} for place, count in expected.items()}
        if once:
            assert len(of_counter) == len(expected)


@pytest.fixture
def plain(topics: Topics, exec_counter: Path) -> Load:
    return Load(topics, exec_counter)


@pytest.fixture
def stateful(topics: Topics, exec_counter: Path) -> StatefulLoad:
    return StatefulLoad(topics, exec_counter)


def end(process: Process) -> Result:
    """End a consumer in good order."""
    process.terminate()
    result = finish(process)
    assert result.code == 143, result.err
    return result


def progress(topics: Topics) -> int:
    return sum(topics.committed().values())


def killed_again_and_again(load: Load, *options: str, kills: int, seed: int) -> int:
    """Kill consumers at any moment of their lives; return in how many something was done."""
    random_ = random.Random(seed)
    alive = 0
    for _ in range(kills):
        before = progress(load.topics)
        with load.started(*options) as process:
            deadline = time.monotonic() + random_.uniform(0.5, 2.2)
            while time.monotonic() < deadline:
                assert process.poll() is None, finish(process).err
                time.sleep(0.005)
            process.kill()
            process.wait()
        alive += progress(load.topics) > before
    return alive


def test_a_million_events_and_twenty_kills(plain: Load, fast_failover: str) -> None:
    options = ("--instance=one", fast_failover)
    with plain.fed(1_000_000, per_second=28_000) as (feeder, lines):
        alive = killed_again_and_again(plain, *options, kills=KILLS, seed=1016)
    plain.read_to_the_end(feeder, *options)
    assert alive >= KILLS // 2, "most were killed before they did anything"
    plain.check(lines)


def test_states_and_twenty_kills(stateful: Load, fast_failover: str) -> None:
    options = ("--instance=one", fast_failover)
    with stateful.fed(300_000, per_second=8_000) as (feeder, lines):
        alive = killed_again_and_again(stateful, *options, kills=KILLS, seed=1018)
    stateful.read_to_the_end(feeder, *options)
    assert alive >= KILLS // 2, "most were killed before they did anything"
    stateful.check(lines)


def test_at_least_once_loses_nothing_and_counts_once(stateful: Load, fast_failover: str) -> None:
    options = ("--instance=one", "--at-least-once", fast_failover)
    with stateful.fed(100_000, per_second=10_000) as (feeder, lines):
        killed_again_and_again(stateful, *options, kills=6, seed=1017)
    stateful.read_to_the_end(feeder, *options)
    stateful.check(lines, once=False)


def test_consumers_that_join_and_leave(stateful: Load, fast_failover: str) -> None:
    """One stays; others join, leave in good order, and die."""
    with stateful.fed(160_000, per_second=10_000) as (feeder, lines), ExitStack() as stack:
        first = stateful.work(stack, fast_failover)
        time.sleep(2)
        second = stateful.work(stack, fast_failover)
        time.sleep(3)
        left = end(second)
        third = stateful.work(stack, fast_failover)
        time.sleep(3)
        third.kill()
        fourth = stateful.work(stack, fast_failover)
        feeder.join()
        stateful.topics.wait_until_committed(feeder.ends(), first, fourth)
        results = [end(first), left, end(fourth)]
    assert all(not each.summary.startswith("stopped by SIGTERM: 0 messages") for each in results)
    stateful.check(lines)


def test_a_consumer_that_was_thought_dead(stateful: Load, fast_failover: str) -> None:
    """It stands still in the midst of its work, another one takes over, and it wakes up."""
    topics = stateful.topics
    with stateful.fed(120_000, per_second=10_000) as (feeder, lines), ExitStack() as stack:
        sleeper = stateful.work(stack, fast_failover)
        while progress(topics) < 10_000:
            time.sleep(0.1)
        sleeper.send_signal(signal.SIGSTOP)
        other = stateful.work(stack, fast_failover)
        time.sleep(6)
        sleeper.send_signal(signal.SIGCONT)
        feeder.join()
        topics.wait_until_committed(feeder.ends(), other)
        end(other)
        sleeper.terminate()
        result = finish(sleeper)
        # Where it slept within a transaction, the broker has aborted that: then it is fenced.
        assert result.code in (143, 4), result.err
        assert result.code == 143 or "fenced" in result.err.lower()
    stateful.check(lines)


@pytest.mark.parametrize(
    ("kind", "number"), [("plain", signal.SIGTERM), ("stateful", signal.SIGKILL)]
)
def test_a_broker_that_restarts(
    broker: Broker, number: signal.Signals, kind: str, request: pytest.FixtureRequest
) -> None:
    load: Load = request.getfixturevalue(kind)
    with load.fed(120_000, per_second=12_000) as (feeder, lines), ExitStack() as stack:
        process = load.work(stack, "--instance=one")
        while progress(load.topics) < 20_000:
            time.sleep(0.1)
        broker.stop(number)
        time.sleep(1)
        broker.start()
        feeder.join()
        load.topics.wait_until_committed(feeder.ends(), process)
        end(process)
    load.check(lines)
