"""How much each benchmark measures: in full, and just enough to see that all find the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in events or rows; ``seconds`` is what a row may take for its rounds."""

    contest: int
    """JSON lines that every contender reads, unless it is slow."""

    compressed_contest: int
    """The same, compressed."""

    slow_contest: int
    """JSON lines that every contender reads at first, and slow ones all the time."""

    gigabyte: int
    """JSON lines of the rows that are held against a gigabyte."""

    rows: int
    """Rows of a table in memory."""

    rounds: int
    seconds: float
    latency_seconds: float
    most_events: int
    """Where the growth curves end, in JSON lines."""

    most_rows: int
    """Where the growth curves end, in rows of a table."""

    growth: int
    """Events of each point of the other curves."""

    line_bytes: int
    """Bytes of each point of the curve of line lengths."""

    def some(self, points: Sequence[T]) -> Sequence[T]:
        """Give all points of a curve, or in a quick run its last."""
        return points if self.rounds > 1 else points[-1:]


FULL: Final = Sizes(
    contest=100_000,
    compressed_contest=50_000,
    slow_contest=20_000,
    gigabyte=1_000_000,
    rows=10_000_000,
    rounds=7,
    seconds=2,
    latency_seconds=4,
    most_events=10_000_000,
    most_rows=100_000_000,
    growth=100_000,
    line_bytes=1 << 27,
)
QUICK: Final = Sizes(
    contest=10_000,
    compressed_contest=10_000,
    slow_contest=10_000,
    gigabyte=10_000,
    rows=20_000,
    rounds=1,
    seconds=0,
    latency_seconds=0.5,
    most_events=10_000,
    most_rows=100_000,
    growth=5_000,
    line_bytes=1 << 22,
)
