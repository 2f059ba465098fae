"""What the benchmarks share: one core, streams made once, and a table of ratios at the end."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streams import stream_file

ROWS: list[dict[str, Any]] = []


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """Pin the process, and the ones it starts, to one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture(scope="session")
def stream() -> Callable[[str, int], Path]:
    """Give a generated stream by mix and number of events, from the page cache."""

    def get(mix: str, events: int) -> Path:
        path = stream_file(mix, events)
        path.read_bytes()
        return path

    return get


@pytest.fixture
def pair(benchmark: Any) -> Callable[..., float]:
    """Time two sides in turn and note how many times faster the first is.

    ``ours`` is the benchmark; ``other`` runs before each of its rounds. ``per`` gives how many
    events each side handles, where they differ. Gives the median of the rounds' ratios.
    """

    def run(
        row: str,
        ours: Callable[[], object],
        other: Callable[[], object],
        *,
        at_least: float | None = None,
        per: tuple[int, int] = (1, 1),
        rounds: int = 5,
    ) -> float:
        others: list[float] = []

        def other_in_turn() -> None:
            start = time.perf_counter()
            other()
            others.append((time.perf_counter() - start) / per[1])

        benchmark.pedantic(ours, setup=other_in_turn, rounds=rounds, warmup_rounds=1)
        times = [each / per[0] for each in benchmark.stats.stats.data]
        ratios = [b / a for a, b in zip(times, others[-len(times) :], strict=True)]
        ratio: float = statistics.median(ratios)
        found = {
            "row": row,
            "ratio": ratio,
            "spread": (min(ratios), max(ratios)),
            "at_least": at_least,
            "seconds": statistics.median(times) * per[0],
        }
        benchmark.extra_info.update(found)
        ROWS.append(found)
        return ratio

    return run


@pytest.fixture
def note(benchmark: Any) -> Callable[..., None]:
    """Note a figure that is no ratio."""

    def add(row: str, value: str) -> None:
        benchmark.extra_info.update(row=row, value=value)
        ROWS.append({"row": row, "value": value})

    return add


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the ratios under pytest-benchmark's own table."""
    if not ROWS:
        return
    terminalreporter.section("ratios: medians of paired rounds on one core")
    for each in ROWS:
        if "value" in each:
            terminalreporter.write_line(f"{each['row']:<72} {each['value']}")
            continue
        low, high = each["spread"]
        goal = "" if each["at_least"] is None else f"  (at least {each['at_least']:g})"
        terminalreporter.write_line(
            f"{each['row']:<72} {each['ratio']:8.2f}x  [{low:.2f} to {high:.2f}]{goal}"
        )
