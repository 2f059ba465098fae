"""What the benchmarks share: one core, two sizes, streams made once, and what the report reads.

Each benchmark notes rows in its ``extra_info``; ``make bench`` keeps them as JSON for report.py.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from affinity import pin

# Before anything counts the cores: a thread pool is to be as large as what it runs on.
CORES = pin()

import contenders  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from cache import stream_file, warm  # noqa: E402
from machine import describe_machine  # noqa: E402
from sizes import FULL, QUICK, Sizes  # noqa: E402
from timing import Seconds, seconds_of  # noqa: E402

ROWS: list[dict[str, Any]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--quick``."""
    parser.addoption("--quick", action="store_true", help="small sizes: see that all find the same")


@pytest.fixture(scope="session")
def sizes(request: pytest.FixtureRequest) -> Sizes:
    """Say how much to measure."""
    return QUICK if request.config.getoption("quick") else FULL


@pytest.fixture(scope="session")
def all_cores() -> set[int]:
    """Give the cores that the machine lets us use; the benchmarks run on the last of them."""
    return CORES


@pytest.fixture(scope="session")
def stream() -> Callable[..., Path]:
    """Give a generated stream by mix, number of events and compression, from the page cache."""

    def get(mix: str, events: int, compression: str = "plain") -> Path:
        return warm(stream_file(mix, events, compression))

    return get


@pytest.fixture
def pair(benchmark: Any, sizes: Sizes) -> Callable[..., float]:
    """Time two sides in turn and note how many times faster the first is.

    ``illshell_side`` is the benchmark; ``other`` runs before each of its rounds. ``per`` gives how
    many events each side handles, where they differ. Both run once before, to be warm; with
    ``wanted`` they must give these results; without it, a quick run leaves that run out.
    ``labels``: what else the report needs of the row. Gives the median of the rounds' ratios.
    """

    def run(
        row: str,
        illshell_side: Callable[[], object],
        other: Callable[[], object],
        *,
        at_least: float | None = None,
        per: tuple[int, int] = (1, 1),
        rounds: int | None = None,
        wanted: tuple[Any, Any] | None = None,
        **labels: Any,
    ) -> float:
        others: list[float] = []
        given: list[object] = []

        def both_once() -> float:
            return checked(other, wanted and wanted[1]) + checked(
                illshell_side, wanted and wanted[0]
            )

        def other_in_turn() -> None:
            others.append(seconds_of(other) / per[1])

        if sizes is QUICK:
            rounds = 1
            if wanted:
                both_once()
        else:
            rounds = min(rounds or sizes.rounds, max(3, int(sizes.seconds / both_once())))
        benchmark.pedantic(
            lambda: given.append(illshell_side()), setup=other_in_turn, rounds=rounds
        )
        clocked = benchmark.stats.stats.data
        times = [
            (own if isinstance(own, Seconds) else clock) / per[0]
            for own, clock in zip(given[-len(clocked) :], clocked, strict=True)
        ]
        ratios = [b / a for a, b in zip(times, others[-len(times) :], strict=True)]
        ratio = float(statistics.median(ratios))
        note = {
            "row": row,
            "ratio": ratio,
            "spread": (min(ratios), max(ratios)),
            "at_least": at_least,
            "seconds": statistics.median(times) * per[0],
            "other_seconds": statistics.median(others) * per[1],
            "rounds": rounds,
            **labels,
        }
        benchmark.extra_info.update(note)
        ROWS.append(note)
        return ratio

    return run


@pytest.fixture
def note(benchmark: Any) -> Callable[..., None]:
    """Note a figure that is no ratio; ``at_most`` is its goal."""

    def add(
        row: str, value: float | str, unit: str = "", *, at_most: float | None = None, **labels: Any
    ) -> None:
        found = {"row": row, "value": value, "unit": unit, "at_most": at_most, **labels}
        benchmark.extra_info.setdefault("figures", []).append(found)
        ROWS.append(found)

    return add


def checked(side: Callable[[], object], wanted: Any) -> float:
    """Run a side once, see that it gives what is wanted (None: anything), and time it."""
    start = time.perf_counter()
    given = side()
    seconds = time.perf_counter() - start
    if wanted is not None:
        np.testing.assert_array_equal(given, wanted)
    return seconds


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what the report says of the machine and of the contenders."""
    quick = config.getoption("quick")
    output_json["illshell"] = {
        "command": "make bench-quick" if quick else "make bench",
        "machine": describe_machine(CORES),
        "versions": {"illshell": version("illshell")}
        | {contender.name: contender.version for contender in contenders.available()},
        "missing": contenders.missing(),
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the ratios under pytest-benchmark's own table."""
    if not ROWS:
        return
    write = terminalreporter.write_line
    terminalreporter.section("ratios: medians of paired rounds on one core")
    for each in ROWS:
        if "value" in each:
            goal = "" if each["at_most"] is None else f"  (at most {each['at_most']:g})"
            value = each["value"]
            text = value if isinstance(value, str) else f"{value:.4g}"
            write(f"{each['row']:<72} {text} {each['unit']}{goal}")
            continue
        low, high = each["spread"]
        goal = "" if each["at_least"] is None else f"  (at least {each['at_least']:g})"
        write(f"{each['row']:<72} {each['ratio']:8.2f}x  [{low:.2f} to {high:.2f}]{goal}")
    for title, reason in contenders.missing().items():
        write(f"without {title}: {reason}")
