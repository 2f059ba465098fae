"""The main job against the twin, against orjson, and against reading the file at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from columns import events_of, packed_events

import illshell
from illshell import EventBatch, SignatureContext, reference
from illshell.names import EVENTS
from illshell.readers import has_native, open_reader
from illshell.scan import Scan

MILLION = 1_000_000

Stream = Callable[[str, int], Path]
Pair = Callable[..., float]


def started(implementation: Any, found: list[Any]) -> Any:
    signature = implementation.IllegitimateShell(EVENTS)
    signature.init(SignatureContext(found.append))
    return signature


def test_on_batch_against_the_twin(pair: Pair) -> None:
    """Judging packed events, and judging the same events decoded, in Python."""
    batch = EventBatch.from_arrow(packed_events("mixed", 10 * MILLION))
    events = events_of("mixed", 200_000)
    found: list[Any] = []
    ours, twin = started(illshell, found), started(reference, found)

    def judge() -> None:
        found.clear()
        assert len(ours.on_batch(batch)) == 0

    def judge_in_python() -> None:
        for event in events:
            twin.on_event(event)

    pair(
        "on_batch, 10 M packed events, against the twin's on_event, per event",
        judge,
        judge_in_python,
        at_least=100,
        per=(len(batch), len(events)),
    )


def test_on_event_against_the_twin(pair: Pair) -> None:
    """Judging decoded events one by one."""
    events = events_of("mixed", 200_000)
    found: list[Any] = []
    ours, twin = started(illshell, found).on_event, started(reference, found).on_event

    def judge() -> None:
        for event in events:
            ours(event)

    def judge_in_python() -> None:
        for event in events:
            twin(event)

    pair("on_event against the twin's", judge, judge_in_python, at_least=3, rounds=15)


def scan(path: Path) -> int:
    """Read and judge a file as the command line does; give the number of findings."""
    found: list[Any] = []
    job = Scan([illshell.IllegitimateShell(EVENTS)], on_finding=found.append, on_problem=print)
    job.run(open_reader(str(path), job.event_names))
    job.finish()
    return len(found)


def scan_with_orjson(path: Path) -> int:
    """The same with orjson on every line, and the twin."""
    found: list[Any] = []
    on_event = started(reference, found).on_event
    with path.open("rb") as lines:
        for line in lines:
            on_event(orjson.loads(line))
    return len(found)


def read(path: Path) -> None:
    """Read the file into a buffer, and nothing else."""
    buffer = bytearray(1 << 20)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


native = pytest.mark.skipif(not has_native(), reason="needs illshell-ingest: pip install ./ingest")


@native
def test_json_lines_against_orjson(pair: Pair, stream: Stream) -> None:
    """A gigabyte of mixed JSON lines."""
    path = stream("mixed", MILLION)
    assert scan(path) == scan_with_orjson(path) > 0
    pair(
        "1 GB of mixed JSON lines against orjson.loads on every line and the twin",
        lambda: scan(path),
        lambda: scan_with_orjson(path),
        at_least=20,
        rounds=3,
    )


@native
def test_json_lines_against_reading(pair: Pair, stream: Stream) -> None:
    """The same against plain reads of the file, the page cache warm."""
    path = stream("mixed", MILLION)
    pair(
        "1 GB of mixed JSON lines against plain read() into a buffer",
        lambda: scan(path),
        lambda: read(path),
        at_least=0.6,
        rounds=9,
    )


@native
def test_peak_memory_from_a_pipe(benchmark: Any, note: Callable[..., None], stream: Stream) -> None:
    """The largest resident set of `illshell scan -` over a gigabyte from a pipe."""
    path = stream("mixed", MILLION)
    peaks: list[int] = []

    def scan_from_a_pipe() -> None:
        with path.open("rb") as file, Path(os.devnull).open("wb") as null:
            source = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
            command = [sys.executable, "-m", "illshell", "scan", "--format", "jsonl", "-"]
            process = subprocess.Popen(command, stdin=source.stdout, stdout=null, stderr=null)
            assert source.stdout is not None
            source.stdout.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert source.wait() == process.returncode == 0
            peaks.append(usage.ru_maxrss)

    benchmark.pedantic(scan_from_a_pipe, rounds=3)
    note("peak memory of scanning 1 GB from a pipe (under 100 MB)", f"{max(peaks) / 1000:.0f} MB")
