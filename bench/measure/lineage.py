"""Measure lineage on packed execs: events a second of processor time, on one core.

    python bench/measure/lineage.py [--events N] [--live N...] [--json FILE]

Each stream has so many live tasks below web servers; each of its events is an exec of one of them
(`all`) or, as on a busy host, one in fifty (`mixed`), the others being cron jobs and the like. One
exec in a thousand of those below is a shell. Pids are drawn at random, so that a large table misses
the caches at each event. Reported is the best of three passes over columns that are in memory; the
pass before warms the table. Processor time is the process's own, so that neighbours cost little.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from illshell._lineage.batch import BatchJudge
from illshell._lineage.columns import TaskColumns
from illshell._lineage.known_files import KnownFiles
from illshell._lineage.lineage import Lineage
from illshell._lineage.name_classes import NameClasses
from illshell.signatures.name_lists import NameLists

START = 1_700_000_000_000_000_000
PASSES = 4
PROGRAMS = np.array([b"sed", b"id", b"cat", b"grep", b"ls", b"tr", b"awk", b"date"], "S16")


class Stream:
    """Passes over one population of tasks."""

    def __init__(self, events: int, live: int, share: float) -> None:
        self.events = events
        self._random = np.random.default_rng(1016)
        below = self._random.random(events) < share
        servers = max(live // 100, 1)
        pid = self._random.integers(0, live, events)
        # Every hundredth task below is forked by a server; the others by the task before them.
        of_server = pid % 100 == 0
        self.pid = np.where(below, 1_000_000 + pid, 3_000_000 + pid)
        self.parent_pid = np.where(
            below, np.where(of_server, 500_000 + pid % servers, 1_000_000 + pid - 1), 400_000
        )
        names = PROGRAMS[self._random.integers(0, len(PROGRAMS), events)]
        self.prev_comm = np.where(below & of_server, np.bytes_(b"php-fpm8.2"), names).astype("S16")
        self.comm = PROGRAMS[self._random.integers(0, len(PROGRAMS), events)].astype("S16")
        self.comm[below & (self._random.random(events) < 0.001)] = b"sh"
        self._live = live

    def first(self) -> TaskColumns:
        """Return one exec of each task, parents first, so that all are known."""
        pid = np.arange(self._live)
        servers = max(self._live // 100, 1)
        return TaskColumns(
            {
                "kind": 1,
                "pid": 1_000_000 + pid,
                "parent_pid": np.where(
                    pid % 100 == 0, 500_000 + pid % servers, 1_000_000 + pid - 1
                ),
                "time": np.full(self._live, START - 1),
                "host": 7,
                "prev_comm": np.where(pid % 100 == 0, b"php-fpm8.2", b"cat").astype("S16"),
                "comm": np.full(self._live, b"cat", "S16"),
            }
        )

    def columns(self, number: int) -> TaskColumns:
        """Return the columns of one pass."""
        return TaskColumns(
            {
                "kind": 1,
                "pid": self.pid,
                "parent_pid": self.parent_pid,
                "tid": self.pid,
                "time": np.arange(self.events) + (START + number * self.events),
                "host": 7,
                "prev_comm": self.prev_comm,
                "comm": self.comm,
            }
        )


def measure(events: int, live: int, share: float) -> dict[str, float | int]:
    """Return the rate of one stream, and what was kept."""
    stream = Stream(events, live, share)
    names = NameLists.default()
    lineage = Lineage(names)
    judge = BatchJudge(lineage, KnownFiles(), NameClasses(names))
    judge.feed(stream.first())
    best = float("inf")
    hits = 0
    for number in range(PASSES):
        columns = stream.columns(number)
        start = time.process_time()
        found = judge.feed(columns)
        elapsed = time.process_time() - start
        if number:
            best, hits = min(best, elapsed), len(found)
    return {
        "live": live,
        "share": share,
        "events_per_second": round(events / best),
        "tasks": len(lineage),
        "bytes": lineage.memory,
        "hits": hits,
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure lineage on packed execs.")
    parser.add_argument("--events", type=int, default=2_000_000)
    sizes = [1_000, 10_000, 100_000, 1_000_000]
    parser.add_argument("--live", type=int, nargs="+", default=sizes)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for name, share in (("mixed", 0.02), ("all", 1.0)):
        for live in options.live:
            # A million tasks, less those that are servers, stay below the table's bound.
            result = measure(options.events, min(live, 990_000), share)
            results.append({"stream": name, **result})
            print(
                f"{name:6} {result['live']:>9,} live tasks  "
                f"{result['events_per_second'] / 1e6:6.1f} M events/s  "
                f"{result['bytes'] / 1e6:6.1f} MB  {result['hits']:,} hits"
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
