"""illshell in Spark: what detection adds to Spark's own cost, and what a second executor brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sizes import Sizes
from spark_driver import CLUSTER, needs_spark
from spark_job import SparkJob
from timing import seconds_of

pytestmark = [needs_spark, pytest.mark.filterwarnings("ignore")]

Pair = Callable[..., float]
ONE = CLUSTER.replace("[2,", "[1,")


@contextmanager
def job(master: str, file: Path, folder: Path, cores: set[int]) -> Iterator[Callable[[str], None]]:
    folder.mkdir()
    started = SparkJob(master, file, folder, cores)
    try:
        yield started.run
    finally:
        started.close()


@pytest.fixture(scope="module")
def lines(stream: Callable[..., Path], sizes: Sizes) -> Path:
    """Give the stream that every job reads."""
    return stream("mixed", sizes.gigabyte)


@pytest.fixture(scope="module")
def local(
    lines: Path, all_cores: set[int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], None]]:
    """Give a local session with two cores."""
    folder = tmp_path_factory.mktemp("spark") / "local"
    with job("local[2]", lines, folder, all_cores) as run:
        yield run


def test_detect_against_handing_on(local: Callable[[str], None], pair: Pair) -> None:
    """The same job with a mapInArrow that gives back what it gets."""
    pair(
        "Spark, JSON lines as text: detect against a pass-through mapInArrow",
        lambda: local("detect"),
        lambda: local("hand on"),
        at_least=0.9,
        rounds=5,
    )


def test_spark_s_own_cost(
    local: Callable[[str], None], lines: Path, benchmark: Any, note: Callable[..., None]
) -> None:
    """Megabytes a second of reading alone, of the way to Python and back, and of detection."""
    benchmark.pedantic(lambda: local("read"), rounds=3)
    for name in ("read", "drop", "hand on", "detect"):
        seconds = min(seconds_of(partial(local, name)) for _ in range(2))
        note(f"Spark, two cores, {name}", lines.stat().st_size / seconds / 1e6, "MB/s")


def test_two_executors_against_one(
    lines: Path, all_cores: set[int], tmp_path: Path, pair: Pair
) -> None:
    """Each executor has a core of its own, and the driver is on its executors' cores.

    So the second executor comes with a second core, for the driver too: where two cores are all
    there is, a driver that has one for itself beside one executor takes it from the second.
    """
    if len(all_cores) < 2:
        pytest.skip("needs two cores")
    cores = sorted(all_cores)[-2:]
    with (
        job(CLUSTER, lines, tmp_path / "two", set(cores)) as two,
        job(ONE, lines, tmp_path / "one", set(cores[1:])) as one,
    ):
        pair(
            "Spark: detect on two executors and the driver on two cores against one and it on one",
            lambda: two("detect"),
            lambda: one("detect"),
            at_least=1.7,
            rounds=5,
        )
