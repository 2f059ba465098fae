"""Judging a table in memory, against every contender that has tables, in each string layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import contenders
import illshell_side
import numpy as np
import pyarrow as pa
import pytest
from affinity import on_cores
from columns import LAYOUTS, events_of, expected_rows, packed_events
from names_at_random import many_names
from sizes import Sizes
from timing import seconds_of

import illshell
from illshell import EventBatch
from illshell.signatures.illegitimate_shell import reference

Pair = Callable[..., float]

GOALS = {
    ("mixed", "utf8"): 2.5,
    ("exec", "utf8"): 4.0,
    ("exec", "fixed"): 7.0,
    ("exec", "dictionary"): 8.0,
}
"""Against Polars with staged filters; against the others: faster than all."""

REFERENCE_ROWS = 200_000
"""What is enough of a table for a contender that takes seconds for it."""

CONTESTS = [
    pytest.param(mix, layout, contender, id=f"{mix}-{layout}-{contender.name}")
    for mix in ("mixed", "exec")
    for layout in LAYOUTS
    for contender in contenders.available()
    if contender.match is not None
]


class Tables:
    """Keeps one table at a time: the contenders' own copies need the memory."""

    def __init__(self) -> None:
        self._key: tuple[str, int, str] | None = None
        self._batch: pa.RecordBatch | None = None

    def get(self, mix: str, rows: int, layout: str) -> pa.RecordBatch:
        if self._key != (mix, rows, layout):
            self._batch = None
            self._batch = packed_events(mix, rows, layout)
            self._key = (mix, rows, layout)
        return self._batch


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables()


@pytest.mark.parametrize(("mix", "layout", "contender"), CONTESTS)
def test_contender(
    pair: Pair, tables: Tables, sizes: Sizes, mix: str, layout: str, contender: contenders.Contender
) -> None:
    """Every contender finds the same rows, so many times slower."""
    rows = min(REFERENCE_ROWS, sizes.rows) if contender.is_reference else sizes.rows
    batch = tables.get(mix, sizes.rows, layout)
    theirs = contender.prepare(batch.slice(0, rows))
    wanted = expected_rows(mix, sizes.rows)
    assert contender.match is not None
    pair(
        f"columns, {mix}, {layout}: {contender.name}",
        lambda: illshell.match(batch).rows,
        partial(contender.match, theirs),
        at_least=GOALS.get((mix, layout), 1.0) if contender.name.startswith("Polars") else 1.0,
        per=(sizes.rows, rows),
        wanted=(wanted, wanted[wanted < rows]),
        job=f"columns-{mix}-{layout}",
        contender=contender.name,
        reference=contender.is_reference,
        events=sizes.rows,
        other_events=rows,
    )


@pytest.mark.parametrize("mix", ["mixed", "exec"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_hardware_limit(pair: Pair, tables: Tables, sizes: Sizes, mix: str, layout: str) -> None:
    """Summing the same bytes with NumPy: what the memory gives to a plain read loop."""
    batch = tables.get(mix, sizes.rows, layout)
    buffers = [np.frombuffer(each, np.uint8) for each in data_of(batch)]
    words = [each[: len(each) // 8 * 8].view(np.uint64) for each in buffers]
    pair(
        f"columns, {mix}, {layout}: summing the same bytes with NumPy",
        partial(illshell.match, batch),
        lambda: [each.sum() for each in words],
        at_least=0.5 if layout == "fixed" and mix == "exec" else None,
        job=f"columns-{mix}-{layout}",
        contender="summing the same bytes, NumPy",
        hardware_limit=True,
        events=sizes.rows,
        bytes=sum(map(len, buffers)),
    )


def data_of(batch: pa.RecordBatch) -> list[pa.Buffer]:
    """Give the buffers of a batch, those of dictionaries too."""
    arrays = batch.columns + [
        column.dictionary for column in batch.columns if pa.types.is_dictionary(column.type)
    ]
    return [buffer for array in arrays for buffer in array.buffers() if buffer is not None]


def test_memory_bandwidth(benchmark: Any, note: Callable[..., None], sizes: Sizes) -> None:
    """What one core reads and copies, by NumPy."""
    words = np.ones(sizes.rows * 10, np.uint64)
    copied = np.empty_like(words)
    for name, run in (("reading (sum)", words.sum), ("copying", partial(np.copyto, copied, words))):
        times = [seconds_of(run) for _ in range(sizes.rounds + 1)]
        note(f"memory: {name}", words.nbytes / min(times) / 1e9, "GB/s", hardware_limit=True)
    benchmark.pedantic(words.sum, rounds=1)


def test_on_batch_against_the_reference(pair: Pair, tables: Tables, sizes: Sizes) -> None:
    """Judging packed events, and judging the same events decoded, in Python."""
    batch = EventBatch.from_arrow(tables.get("mixed", sizes.rows, "utf8"))
    events = events_of("mixed", min(REFERENCE_ROWS, sizes.rows))
    found: list[Any] = []
    judge, in_python = (illshell_side.started(each, found.append) for each in (illshell, reference))

    def judge_all() -> None:
        found.clear()
        assert len(judge.on_batch(batch)) == 0

    def judge_in_python() -> None:
        for event in events:
            in_python.on_event(event)

    pair(
        "on_batch, 10 M packed events, against the reference's on_event, per event",
        judge_all,
        judge_in_python,
        at_least=100,
        per=(len(batch), len(events)),
        goal_of="the main job",
    )


def test_two_threads(pair: Pair, tables: Tables, sizes: Sizes, all_cores: set[int]) -> None:
    """Two threads on two cores against one on one."""
    if len(all_cores) < 2:
        pytest.skip("one core")
    batch = tables.get("exec", sizes.rows, "utf8")
    with on_cores(all_cores):
        pair(
            "columns, exec, utf8: two threads against one",
            partial(illshell.match, batch, threads=2),
            partial(illshell.match, batch),
            at_least=1.8,
            goal_of="the data plane",
        )


def test_many_names(pair: Pair, tables: Tables, sizes: Sizes) -> None:
    """10,000 names of web servers against Tracee's 7."""
    batch = tables.get("exec", sizes.rows, "utf8")
    pair(
        "columns, exec, utf8: 10,000 names against 7",
        partial(illshell.match, batch, web_servers=many_names(10_000)),
        partial(illshell.match, batch),
        at_least=0.8,
        goal_of="the data plane",
    )
