"""Holds the ratios of a second run against those of the first.

python bench/run_module.py repeats [RESULTS.json AGAIN.json]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from results import Results, load

FOLDER: Final = Path(__file__).resolve().parents[2] / "build" / "bench"
RESULTS: Final = FOLDER / "results.json"
AGAIN: Final = FOLDER / "again.json"
NEAR: Final = 0.15
"""By how much of the smaller one two ratios may differ and still be the same."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A row of both runs."""

    row: str
    first: float
    second: float

    @property
    def change(self) -> float:
        """Say how much larger the larger ratio is: 0 where they are equal."""
        return max(self.first, self.second) / min(self.first, self.second) - 1

    @property
    def is_near(self) -> bool:
        """Say whether the second run reproduces the first."""
        return self.change <= NEAR


def repeats(first: Results, second: Results) -> list[Repeat]:
    """Give the rows of both, those that differ most first."""
    again = {row.row: row.ratio for row in second.ratios}
    both = [Repeat(row.row, row.ratio, again[row.row]) for row in first.ratios if row.row in again]
    return sorted(both, key=lambda each: -each.change)


def main() -> None:
    paths = list(map(Path, sys.argv[1:])) or [RESULTS, AGAIN]
    rows = repeats(*map(load, paths))
    for each in rows:
        if not each.is_near:
            print(f"{each.row:<80} {each.first:8.2f} {each.second:8.2f}")
    near = sum(each.is_near for each in rows)
    print(f"{near} of {len(rows)} ratios are reproduced within {NEAR:.0%}")


if __name__ == "__main__":
    main()
