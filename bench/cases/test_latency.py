"""From a line written into a pipe to its finding written out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import run_module
from affinity import on_cores
from cache import stream_file
from generator import Mix
from sizes import Sizes

RATES = (1_000, 50_000, 200_000)  # events a second
FINDINGS = 500
"""Findings a second, about: enough of them for a p99.9, few enough not to be what is measured."""

PERCENTILES = (50, 99, 99.9)
SCAN = ["-m", "illshell", "scan", "--format", "jsonl", "--quiet", "-"]
PROGRAMS = {
    "illshell scan": [sys.executable, *SCAN],
    "Python, orjson": run_module.command("filter_stdin"),
}
SLOWEST = {"Python, orjson": 50_000}
"""Rates above which a program falls behind for good."""


def stream_with(rate: int, seconds: float) -> Path:
    """Give a stream in which the hits come at the same pace whatever the rate."""
    execs = 0.2
    mix = Mix(f"paced-{rate}", execs, hit_share=min(1.0, FINDINGS / rate / execs))
    return stream_file(mix, max(1, int(rate * seconds)))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_latency(
    benchmark: Any,
    note: Callable[..., None],
    sizes: Sizes,
    all_cores: set[int],
    rate: int,
    program: str,
) -> None:
    """How long a finding takes, on a core of its own."""
    if rate > SLOWEST.get(program, rate):
        benchmark.pedantic(lambda: None)
        return
    path = stream_with(rate, sizes.latency_seconds)
    feeder = run_module.command("latency", path, rate, sizes.latency_seconds)
    command = [*feeder, *PROGRAMS[program]]

    def feed() -> Any:
        with on_cores(all_cores):
            run = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return json.loads(run.stdout)

    measured = benchmark.pedantic(feed, rounds=1)
    values = np.percentile(measured["latencies"], PERCENTILES)
    benchmark.extra_info["latency"] = {
        "program": program,
        "rate": rate,
        "reached": measured["rate"],
        "findings": len(measured["latencies"]),
        "percentiles": dict(zip(map(str, PERCENTILES), values, strict=True)),
        "quantiles": list(np.quantile(measured["latencies"], np.linspace(0, 1, 201))),
    }
    for percentile, value in zip(PERCENTILES, values, strict=True):
        note(f"latency, {rate:,} events/s: {program}, p{percentile:g}", value * 1e3, "ms")
    note(f"latency, {rate:,} events/s: {program}, rate reached", measured["rate"], "events/s")
