"""From a file of JSON lines to findings: against every contender, and against reading it at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import contenders
import illshell_side
import max_rss
import pytest
from cache import PIECE, SUFFIXES, expected, open_stream, warm
from sizes import Sizes
from timing import seconds_of

from illshell.readers import has_native
from illshell.signatures.illegitimate_shell.names import EVENTS

pytestmark = pytest.mark.skipif(
    not has_native(), reason="needs illshell-ingest: pip install ./ingest"
)

Stream = Callable[..., Path]
Pair = Callable[..., float]

CONTESTS = [
    pytest.param(mix, compression, contender, id=f"{mix}-{compression}-{contender.name}")
    for mix in ("mixed", "exec")
    for compression in SUFFIXES
    for contender in contenders.available()
    if contender.find is not None and compression in contender.compressions
]
SLOW = 0.25
"""Seconds for the few lines above which a contender is not asked to read the many."""

LINES_GOAL = 1.5
"""On plain JSON lines: times the speed of the best contender that is not illshell's own."""


def timestamps(path: Path, events: tuple[str, ...]) -> list[int]:
    return [hit.timestamp for hit in expected(path, events)]


@pytest.mark.parametrize(("mix", "compression", "contender"), CONTESTS)
def test_contender(
    pair: Pair,
    stream: Stream,
    sizes: Sizes,
    mix: str,
    compression: str,
    contender: contenders.Contender,
) -> None:
    """Every contender finds the same events, so many times slower."""
    assert contender.find is not None
    few = stream(mix, sizes.slow_contest, compression)
    is_slow = seconds_of(partial(contender.find, few)) > SLOW
    many = sizes.contest if compression == "plain" else sizes.compressed_contest
    events = sizes.slow_contest if is_slow else many
    path, theirs = stream(mix, many, compression), stream(mix, events, compression)
    pair(
        f"JSON lines, {mix}, {compression}: {contender.name}",
        partial(illshell_side.find, path, contender.events),
        partial(contender.find, theirs),
        at_least=LINES_GOAL if compression == "plain" else 1,
        per=(many, events),
        wanted=(timestamps(path, contender.events), timestamps(theirs, contender.events)),
        job=f"lines-{mix}-{compression}",
        contender=contender.name,
        reference=contender.is_reference,
        only=None if contender.events == EVENTS else ", ".join(contender.events),
        events=many,
        other_events=events,
        bytes=stream(mix, many).stat().st_size,
        other_bytes=stream(mix, events).stat().st_size,
    )


def read(path: Path) -> None:
    """Read the file into a buffer, and nothing else."""
    warm(path)


def decompress(path: Path) -> None:
    """Decompress the file into a buffer, and nothing else."""
    buffer = bytearray(PIECE)
    with open_stream(path) as file:
        while file.readinto(buffer):  # type: ignore[attr-defined]
            pass


@pytest.mark.parametrize("mix", ["mixed", "exec"])
@pytest.mark.parametrize("compression", SUFFIXES)
def test_hardware_limit(
    pair: Pair, stream: Stream, sizes: Sizes, mix: str, compression: str
) -> None:
    """Reading the file, or decompressing it, without looking at what is in it."""
    plain, path = stream(mix, sizes.contest), stream(mix, sizes.contest, compression)
    pair(
        f"JSON lines, {mix}, {compression}: hardware limit",
        partial(illshell_side.find, path),
        partial(read if compression == "plain" else decompress, path),
        at_least={"zstd": 0.85}.get(compression),
        job=f"lines-{mix}-{compression}",
        contender="plain read()" if compression == "plain" else f"{compression} decompression",
        hardware_limit=True,
        events=sizes.contest,
        bytes=plain.stat().st_size,
    )


def read_columns(path: Path, instruction_set: str | None = None) -> None:
    """Read the file into columns, and judge nothing."""
    import illshell_ingest

    from illshell.readers.json_lines.projection import projection_of
    from illshell.readers.selection import Selection

    reader = illshell_ingest.JsonLinesReader(
        path,
        projection_of(Selection(EVENTS, ("pathname", "prev_comm"), ("tracee",))),
        instruction_set=instruction_set,
    )
    while reader.next() is not None:
        pass


READER_GOALS = {"avx512": 4, "avx2": 2.3}
"""On lines that are all execs: times the speed of the JSON library, which validates as much."""


@pytest.mark.parametrize("instruction_set", ["avx512", "avx2", "neon"])
def test_reader_against_the_json_library(
    pair: Pair, stream: Stream, sizes: Sizes, instruction_set: str
) -> None:
    """The one pass over a line against serde_json's, in the same reader."""
    import illshell_ingest

    if instruction_set not in illshell_ingest.INSTRUCTION_SETS:
        pytest.skip(f"this machine has no {instruction_set}")
    path = stream("exec", sizes.contest)
    pair(
        f"JSON lines, exec: the reader with {instruction_set} against serde_json in its place",
        partial(read_columns, path, instruction_set),
        partial(read_columns, path, "none"),
        at_least=READER_GOALS.get(instruction_set),
        goal_of="the reader",
    )


def test_reader_against_reading(pair: Pair, stream: Stream, sizes: Sizes) -> None:
    """The reader alone against plain reads of the file."""
    path = stream("mixed", sizes.contest)
    pair(
        "JSON lines, mixed: the reader alone against plain read()",
        partial(read_columns, path),
        partial(read, path),
        at_least=0.65,
        goal_of="the reader",
    )


def test_gigabyte_against_reading(pair: Pair, stream: Stream, sizes: Sizes) -> None:
    """A gigabyte against plain reads of the file, the page cache warm."""
    path = stream("mixed", sizes.gigabyte)
    pair(
        "1 GB of mixed JSON lines against plain read() into a buffer",
        partial(illshell_side.find, path),
        partial(read, path),
        at_least=0.6,
        goal_of="the main job",
    )


def test_gigabyte_against_orjson(pair: Pair, stream: Stream, sizes: Sizes) -> None:
    """A gigabyte against orjson on every line and the reference implementation."""
    path = stream("mixed", sizes.gigabyte)
    reference = contenders.named("python_orjson", "Python (the reference), orjson")
    assert reference.find is not None
    pair(
        "1 GB of mixed JSON lines against orjson.loads on every line and the reference",
        partial(illshell_side.find, path),
        partial(reference.find, path),
        at_least=20,
        goal_of="the main job",
        rounds=3,
    )


def test_peak_memory_from_a_pipe(
    benchmark: Any, note: Callable[..., None], stream: Stream, sizes: Sizes
) -> None:
    """The largest resident set of `illshell scan -` over a gigabyte from a pipe."""
    path = stream("mixed", sizes.gigabyte)
    peaks: list[int] = []

    def scan_from_a_pipe() -> None:
        with path.open("rb") as file:
            source = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        assert source.stdout is not None
        with source.stdout as pipe:
            command = ["-m", "illshell", "scan", "--format", "jsonl", "--output", os.devnull, "-"]
            peaks.append(max_rss.run(sys.executable, *command, stdin=pipe).max_rss)
        assert source.wait() == 0

    benchmark.pedantic(scan_from_a_pipe, rounds=min(3, sizes.rounds))
    note(
        "peak memory of scanning 1 GB from a pipe",
        max(peaks) / 1e6,
        "MB",
        at_most=100,
        goal_of="the main job",
    )
