"""How time and memory grow: with events, names, threads, lines' length, shares of execs and hits.

Each point is a process of its own, whose peak memory is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contenders
import max_rss
import pytest
import run_module
from affinity import on_cores
from cache import padded_stream, stream_file, warm
from generator import EXEC, MIXED, Mix
from growth_job import ILLSHELL
from sizes import Sizes

LINES_CONTENDER = ("python_orjson", "orjson behind `in`")
TABLE_CONTENDER = ("polars", "Polars, staged filters")
SHARES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
HIT_SHARES = (0.0, 0.001, 0.01, 0.1, 0.5, 1.0)
LENGTHS = (200, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000)
NAMES = (1, 7, 100, 1_000, 10_000)
SLOWER_ENDS = 10
"""A contender's curve ends that many times earlier."""

Tool = tuple[str, str]

POINTS: dict[str, tuple[str, str]] = {
    "lines-events": ("JSON lines, mixed: number of events", "events"),
    "lines-length": ("JSON lines, execs: bytes of a line", "bytes"),
    "lines-execs": ("JSON lines: share of exec events", "share"),
    "lines-hits": ("JSON lines, exec only: share of hits", "share"),
    "columns-events": ("columns, mixed: number of events", "events"),
    "columns-names": ("columns, exec only: number of names", "names"),
    "columns-threads": ("columns, exec only: number of threads, each with a core", "threads"),
    "columns-execs": ("columns: share of exec events", "share"),
    "columns-hits": ("columns, exec only: share of hits", "share"),
}


class Curve:
    """Notes the points of one curve."""

    def __init__(self, benchmark: Any, name: str) -> None:
        title, axis = POINTS[name]
        self._points: list[dict[str, Any]] = []
        benchmark.extra_info["curve"] = {
            "name": name,
            "title": title,
            "axis": axis,
            "points": self._points,
        }

    def lines(self, tool: Tool, x: float, path: Path, repeats: int = 1) -> None:
        self._run(tool, x, path.stat().st_size * repeats, "lines", *tool, repeats, warm(path))

    def columns(self, tool: Tool, x: float, mix: Mix, rows: int, names: int = 7) -> None:
        shares = f"{mix.name},{mix.exec_share},{mix.hit_share}"
        self._run(tool, x, rows, "columns", *tool, shares, rows, names)

    def _run(self, tool: Tool, x: float, units: int, *job: Any) -> None:
        ran = max_rss.run(*run_module.command("growth_job", *job))
        self._points.append(
            {
                "tool": tool[1],
                "x": x,
                "seconds": float(ran.output),
                "units": units,
                "max_rss": ran.max_rss,
            }
        )


@pytest.fixture
def curve(benchmark: Any, request: pytest.FixtureRequest) -> Iterator[Curve]:
    """Give the curve that the test is called after."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    yield Curve(benchmark, name)
    benchmark.pedantic(lambda: None)


def tools(contender: Tool) -> list[Tool]:
    """Give illshell, and the contender if it is here."""
    return [
        (ILLSHELL, ILLSHELL),
        *([contender] if contenders.MODULES[contender[0]] not in contenders.missing() else []),
    ]


def powers(start: int, end: int, base: int = 10) -> list[int]:
    """Give the start, and what it is when it is multiplied again and again."""
    found = [start]
    while found[-1] * base <= end:
        found.append(found[-1] * base)
    return found


def test_lines_events(curve: Curve, sizes: Sizes) -> None:
    """Memory must not grow, time only in proportion."""
    for tool in tools(LINES_CONTENDER):
        end = sizes.most_events if tool[0] == ILLSHELL else sizes.most_events // SLOWER_ENDS
        for events in sizes.some(powers(sizes.most_events // 1000, end)):
            held = min(events, sizes.gigabyte)
            curve.lines(tool, events, stream_file(MIXED, held), events // held)


def test_lines_length(curve: Curve, sizes: Sizes) -> None:
    """The same bytes in ever longer lines, all of them to be decoded."""
    for length in sizes.some(LENGTHS):
        path = padded_stream(length, sizes.line_bytes)
        for tool in tools(LINES_CONTENDER):
            curve.lines(tool, length, path)


def test_lines_execs(curve: Curve, sizes: Sizes) -> None:
    """What is skipped by its name costs little."""
    for share in sizes.some(SHARES):
        for tool in tools(LINES_CONTENDER):
            curve.lines(tool, share, stream_file(Mix(f"execs-{share:g}", share), sizes.growth // 2))


def test_lines_hits(curve: Curve, sizes: Sizes) -> None:
    """A finding holds the whole event, decoded: what it costs more."""
    for share in sizes.some(HIT_SHARES):
        mix = Mix(f"hits-{share:g}", EXEC.exec_share, share)
        for tool in tools(LINES_CONTENDER):
            curve.lines(tool, share, stream_file(mix, sizes.growth // 2))


def test_columns_events(curve: Curve, sizes: Sizes) -> None:
    """Past the caches the speed is the memory's."""
    for tool in tools(TABLE_CONTENDER):
        end = sizes.most_rows if tool[0] == ILLSHELL else sizes.most_rows // SLOWER_ENDS
        for rows in sizes.some(powers(10_000, end)):
            curve.columns(tool, rows, MIXED, rows)


def test_columns_names(curve: Curve, sizes: Sizes) -> None:
    """A set of 10,000 names is asked as one of 7 is."""
    for tool in tools(TABLE_CONTENDER):
        for names in sizes.some(NAMES):
            curve.columns(tool, names, EXEC, sizes.growth * 10, names)


def test_columns_threads(curve: Curve, sizes: Sizes, all_cores: set[int]) -> None:
    """To as many as there are cores."""
    cores = sorted(all_cores, reverse=True)
    counts = [*powers(1, len(cores), 2), len(cores)]
    for threads in sizes.some(sorted(set(counts))):
        for tool in tools(TABLE_CONTENDER):
            with on_cores(set(cores[:threads])):
                curve.columns(tool, threads, EXEC, sizes.growth * 20)


def test_columns_execs(curve: Curve, sizes: Sizes) -> None:
    """From rare events to nothing else."""
    for tool in tools(TABLE_CONTENDER):
        for share in sizes.some(SHARES):
            curve.columns(tool, share, Mix(f"execs-{share:g}", share), sizes.growth * 10)


def test_columns_hits(curve: Curve, sizes: Sizes) -> None:
    """Only the rows that match are given out."""
    for tool in tools(TABLE_CONTENDER):
        for share in sizes.some(HIT_SHARES):
            mix = Mix(f"hits-{share:g}", EXEC.exec_share, share)
            curve.columns(tool, share, mix, sizes.growth * 10)
