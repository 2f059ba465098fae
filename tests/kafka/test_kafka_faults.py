"""`illshell kafka` with a real broker when things go wrong: nothing lost, nothing told twice."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from command_line import Result, finish, started
from kafka_broker import Broker
from kafka_topics import Feeder, Topics, Truth, read, read_at_least, small_lines

pytestmark = pytest.mark.slow

KILLS = 20
Process = subprocess.Popen[bytes]


@contextmanager
def fed(topics: Topics, count: int, per_second: float) -> Iterator[tuple[Feeder, list[bytes]]]:
    """Produce while the body runs; at its end all is produced."""
    lines = small_lines(count)
    feeder = Feeder(topics, lines, per_second)
    feeder.start()
    yield feeder, lines
    feeder.join(120)
    assert not feeder.is_alive()
    assert not feeder.failed


def work(stack: ExitStack, topics: Topics, *more: str) -> Process:
    return stack.enter_context(started(*topics.arguments(*more), stdin=subprocess.DEVNULL))


def end(process: Process) -> Result:
    """End a consumer in good order."""
    process.terminate()
    result = finish(process)
    assert result.code == 143, result.err
    return result


def read_to_the_end(topics: Topics, feeder: Feeder, *options: str) -> None:
    """Let one more consumer do what is left."""
    with started(*topics.arguments(*options, "--exit-at-end"), stdin=subprocess.DEVNULL) as process:
        result = finish(process)
    assert result.code == 0, result.err
    assert topics.committed() == feeder.ends()


def check(topics: Topics, lines: list[bytes], *, once: bool = True) -> None:
    truth = Truth.of(lines)
    findings = read_at_least(len(truth.findings), topics.address, topics.findings)
    truth.check_findings(findings, once=once)
    truth.check_dead_letters(read(topics.address, topics.dead), once=once)


def progress(topics: Topics) -> int:
    return sum(topics.committed().values())


def killed_again_and_again(
    topics: Topics, feeder: Feeder, *options: str, kills: int, seed: int
) -> int:
    """Kill consumers at any moment of their lives; give in how many lives something was done."""
    random_ = random.Random(seed)
    alive = 0
    for _ in range(kills):
        before = progress(topics)
        with started(*topics.arguments(*options), stdin=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + random_.uniform(0.5, 2.2)
            while time.monotonic() < deadline:
                assert process.poll() is None, finish(process).err
                time.sleep(0.005)
            process.kill()
            process.wait()
        alive += progress(topics) > before
    return alive


def test_a_million_events_and_twenty_kills(topics: Topics, fast_failover: str) -> None:
    options = ("--instance=one", fast_failover)
    with fed(topics, 1_000_000, per_second=28_000) as (feeder, lines):
        alive = killed_again_and_again(topics, feeder, *options, kills=KILLS, seed=1016)
    read_to_the_end(topics, feeder, *options)
    assert alive >= KILLS // 2, "most were killed before they did anything"
    check(topics, lines)


def test_at_least_once_loses_nothing(topics: Topics, fast_failover: str) -> None:
    options = ("--instance=one", "--at-least-once", fast_failover)
    with fed(topics, 150_000, per_second=15_000) as (feeder, lines):
        killed_again_and_again(topics, feeder, *options, kills=5, seed=1017)
    read_to_the_end(topics, feeder, *options)
    check(topics, lines, once=False)


def test_consumers_that_join_and_leave(topics: Topics, fast_failover: str) -> None:
    """One stays; others join, leave in good order, and die."""
    with fed(topics, 200_000, per_second=12_000) as (feeder, lines), ExitStack() as stack:
        first = work(stack, topics, fast_failover)
        time.sleep(2)
        second = work(stack, topics, fast_failover)
        time.sleep(3)
        left = end(second)
        third = work(stack, topics, fast_failover)
        time.sleep(3)
        third.kill()
        fourth = work(stack, topics, fast_failover)
        feeder.join()
        topics.wait_until_committed(feeder.ends(), first, fourth)
        results = [end(first), left, end(fourth)]
    assert all(not each.summary.startswith("stopped by SIGTERM: 0 messages") for each in results)
    check(topics, lines)


def test_a_consumer_that_was_thought_dead(topics: Topics, fast_failover: str) -> None:
    """It stands still in the midst of its work, another one takes over, and it wakes up."""
    with fed(topics, 150_000, per_second=12_000) as (feeder, lines), ExitStack() as stack:
        sleeper = work(stack, topics, fast_failover)
        while progress(topics) < 10_000:
            time.sleep(0.1)
        sleeper.send_signal(signal.SIGSTOP)
        other = work(stack, topics, fast_failover)
        time.sleep(6)
        sleeper.send_signal(signal.SIGCONT)
        feeder.join()
        topics.wait_until_committed(feeder.ends(), other)
        end(other)
        sleeper.terminate()
        result = finish(sleeper)
        # Where it slept within a transaction, the broker has ended that: then it is fenced.
        assert result.code in (143, 4), result.err
        assert result.code == 143 or "fenced" in result.err.lower()
    check(topics, lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_broker_that_restarts(broker: Broker, topics: Topics, number: signal.Signals) -> None:
    with ExitStack() as stack:
        feeder, lines = stack.enter_context(fed(topics, 150_000, per_second=15_000))
        process = work(stack, topics, "--instance=one")
        while progress(topics) < 20_000:
            time.sleep(0.1)
        broker.stop(number)
        time.sleep(1)
        broker.start()
        feeder.join()
        topics.wait_until_committed(feeder.ends(), process)
        end(process)
    check(topics, lines)
