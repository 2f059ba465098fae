"""How one run of a side is timed."""

from __future__ import annotations

import time
from collections.abc import Callable


class Seconds(float):
    """What a side that times itself gives back; it counts in place of the clock here."""


def seconds_of(run: Callable[[], object]) -> float:
    """Run once and time it."""
    start = time.perf_counter()
    given = run()
    return given if isinstance(given, Seconds) else time.perf_counter() - start
