"""Time from a line written into a pipe to its finding written out, at a given rate of events.

    python bench/run_module.py latency STREAM RATE SECONDS COMMAND ...

A process of its own writes the lines of STREAM into COMMAND's stdin, each when it is due; this one
reads COMMAND's stdout, one line a finding. The clock of a line starts when its write starts. Prints
JSON: ``latencies`` in seconds, in order; ``rate``, what was reached.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cache import expected

TICK: Final = 50e-6
"""Seconds between looks at the clock, so that a line is late by no more."""

WARM_UP: Final = 0.1
"""Share of the findings left out at the start, while the command loads what it needs."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds of each finding, and the events a second that were written."""

    seconds: list[float]
    rate: float


def measure(
    path: Path, rate: int, seconds: float, command: Sequence[str], cores: Sequence[int]
) -> Latencies:
    """Feed a command and time its findings; it runs on the last core, the feeding on the first."""
    os.sched_setaffinity(0, {cores[0]})
    lines = path.read_bytes().splitlines(keepends=True)[: max(1, int(rate * seconds))]
    hits = [hit.row for hit in expected(path) if hit.row < len(lines)]
    with tempfile.NamedTemporaryFile() as times:
        read_end, write_end = os.pipe()
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(cores[-1]), *command],
            stdin=read_end,
            stdout=subprocess.PIPE,
            close_fds=True,
        )
        os.close(read_end)
        writer = os.fork()
        if writer == 0:
            _feed(write_end, lines, rate, hits, Path(times.name))
        os.close(write_end)
        assert process.stdout is not None
        arrivals = []
        with process.stdout as findings:
            for _ in findings:
                arrivals.append(time.perf_counter())  # noqa: PERF401 (a loop, to be read as it comes)
        os.waitpid(writer, 0)
        if process.wait() != 0:
            raise subprocess.CalledProcessError(process.returncode, command)
        sent, reached = pickle.loads(Path(times.name).read_bytes())  # noqa: S301 (our own)
    if len(arrivals) != len(hits):
        raise AssertionError(f"{len(arrivals)} findings of {len(hits)}")
    each = [arrival - start for start, arrival in zip(sent, arrivals, strict=True)]
    return Latencies(each[int(len(each) * WARM_UP) :], reached)


def _feed(pipe: int, lines: list[bytes], rate: int, hits: list[int], times: Path) -> None:
    """Write each line when it is due, note when the writes of hits started, and end the process."""
    wanted = iter([*hits, len(lines)])
    hit = next(wanted)
    sent: list[float] = []
    done = 0
    time.sleep(1)  # the command starts
    start = time.perf_counter()
    while done < len(lines):
        now = time.perf_counter()
        due = min(len(lines), int((now - start) * rate) + 1)
        if due == done:
            time.sleep(TICK)
            continue
        block = memoryview(b"".join(lines[done:due]))
        now = time.perf_counter()
        while hit < due:
            sent.append(now)
            hit = next(wanted)
        while block:
            block = block[os.write(pipe, block) :]
        done = due
    reached = len(lines) / (time.perf_counter() - start)
    times.write_bytes(pickle.dumps((sent, reached)))
    os._exit(0)


def main() -> None:
    path, rate, seconds, *command = sys.argv[1:]
    cores = sorted(os.sched_getaffinity(0))
    measured = measure(Path(path), int(rate), float(seconds), command, cores)
    print(json.dumps({"latencies": measured.seconds, "rate": measured.rate}))


if __name__ == "__main__":
    main()
