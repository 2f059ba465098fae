"""Which cores a benchmark, or a part of it, may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


def pin() -> set[int]:
    """Stay on the last core from here on; give the cores that there were."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    return cores


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Run what follows, and the processes that it starts, on these cores; no core: as it is."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
