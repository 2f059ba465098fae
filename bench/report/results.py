"""What a run of the benchmarks has found, read from its JSON for the report."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

LINES: Final = "lines"
COLUMNS: Final = "columns"
EVENT: Final = "event"


def number(value: float) -> str:
    """Give three digits that count, and all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A row in which two sides ran in turn: illshell is ``ratio`` times as fast."""

    row: str
    ratio: float
    spread: tuple[float, float]
    at_least: float | None
    seconds: float
    other_seconds: float
    rounds: int
    labels: dict[str, Any]

    @property
    def is_missed(self) -> bool:
        """Say whether the row has a goal and missed it."""
        return self.at_least is not None and self.ratio < self.at_least

    @property
    def is_lost(self) -> bool:
        """Say whether the other side is a contender, and faster."""
        return "contender" in self.labels and not self.is_hardware_limit and self.ratio < 1

    @property
    def is_hardware_limit(self) -> bool:
        """Say whether the other side is a bound, not a contender."""
        return bool(self.labels.get("hardware_limit"))

    def other_rate(self, unit: str) -> float:
        """Give what the other side handles in a second: of ``events`` or ``bytes``."""
        amount = self.labels.get(f"other_{unit}", self.labels[unit])
        return float(amount) / self.other_seconds

    def own_rate(self, unit: str) -> float:
        """Give what illshell handles in a second."""
        return float(self.labels[unit]) / self.seconds


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that is no ratio."""

    row: str
    value: float | str
    unit: str
    at_most: float | None
    labels: dict[str, Any]

    @property
    def is_missed(self) -> bool:
        """Say whether the figure has a goal and missed it."""
        return self.at_most is not None and float(self.value) > self.at_most


@dataclass(frozen=True, slots=True)
class Job:
    """All contenders at one job, the fastest first."""

    name: str
    rows: list[Ratio]

    @property
    def kind(self) -> str:
        """``lines``, ``columns`` or ``event``."""
        return self.name.partition("-")[0]

    @property
    def unit(self) -> str:
        """What its speeds count."""
        return "bytes" if self.kind == LINES else "events"

    @property
    def own_rate(self) -> float:
        """Give illshell's speed, the median over the rows in which it does the whole job."""
        whole = [row for row in self.rows if not row.labels.get("only")] or self.rows
        return statistics.median(row.own_rate(self.unit) for row in whole)

    @property
    def contenders(self) -> list[Ratio]:
        """The rows that are no hardware limit."""
        return [row for row in self.rows if not row.is_hardware_limit]

    @property
    def best(self) -> Ratio | None:
        """The fastest contender that is not illshell's own and does the whole job."""
        others = [r for r in self.contenders if not (r.labels["reference"] or r.labels.get("only"))]
        return min(others, key=lambda row: row.ratio, default=None)

    @property
    def references(self) -> list[Ratio]:
        """The rows against pure Python."""
        return [row for row in self.contenders if row.labels["reference"]]

    @property
    def hardware_limit(self) -> Ratio | None:
        """The row of the bound, if there is one."""
        return next((row for row in self.rows if row.is_hardware_limit), None)


@dataclass(slots=True)
class Results:
    """Everything of one run."""

    about: dict[str, Any]
    jobs: dict[str, Job] = field(default_factory=dict)
    ratios: list[Ratio] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    curves: list[dict[str, Any]] = field(default_factory=list)
    latencies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def misses(self) -> Iterator[Ratio | Figure]:
        """All rows that are lost or missed their goal."""
        yield from (row for row in self.ratios if row.is_missed or row.is_lost)
        yield from (row for row in self.figures if row.is_missed)


def load(path: Path) -> Results:
    """Read what ``make bench`` has written, or what record.py has kept of it."""
    content = json.loads(path.read_bytes())
    results = Results(content["illshell"])
    grouped: dict[str, list[Ratio]] = {}
    for benchmark in content["benchmarks"]:
        info = dict(benchmark["extra_info"])
        for figure in info.pop("figures", []):
            fixed = {name: figure.pop(name) for name in ("row", "value", "unit", "at_most")}
            results.figures.append(Figure(**fixed, labels=figure))
        if "curve" in info:
            results.curves.append(info.pop("curve"))
        if "latency" in info:
            results.latencies.append(info.pop("latency"))
        if "ratio" in info:
            names = ("row", "ratio", "spread", "at_least", "seconds", "other_seconds", "rounds")
            fixed = {name: info.pop(name) for name in names}
            row = Ratio(**fixed, labels={"reference": False} | info)
            results.ratios.append(row)
            if "job" in info:
                grouped.setdefault(info["job"], []).append(row)
    for name, rows in grouped.items():
        unit = Job(name, rows).unit
        if all(unit in row.labels for row in rows):
            rows.sort(key=lambda row: -row.other_rate(unit))
        results.jobs[name] = Job(name, rows)
    return results
