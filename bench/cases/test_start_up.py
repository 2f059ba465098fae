"""How long it takes from nothing: an import, the version, the first finding."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cache import expected, stream_file
from sizes import Sizes

Pair = Callable[..., float]

STARTS = {
    "import illshell": ["-c", "import illshell; illshell.IllegitimateShell"],
    "illshell --version": ["-m", "illshell", "--version"],
    "import polars": ["-c", "import polars"],
    "import duckdb": ["-c", "import duckdb; duckdb.sql"],
    "import pyarrow.compute": ["-c", "import pyarrow.compute"],
    "import pandas": ["-c", "import pandas"],
}
"""Each against Python that does nothing."""


def python(arguments: Sequence[str | Path]) -> bytes:
    run = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True)
    return run.stdout


@pytest.mark.parametrize("start", STARTS)
def test_start(pair: Pair, note: Callable[..., None], benchmark: Any, start: str) -> None:
    """A start against that of Python alone: a ratio below 1 by what it adds."""
    if start.startswith("import "):
        pytest.importorskip(start.split()[1])
    pair(
        f"start-up: Python alone against {start}",
        partial(python, STARTS[start]),
        partial(python, ["-c", "pass"]),
        start=start,
    )
    info = benchmark.extra_info
    note(f"start-up: {start}", info["seconds"] * 1e3, "ms", start=start)


def test_first_finding(
    pair: Pair, note: Callable[..., None], benchmark: Any, sizes: Sizes, tmp_path: Path
) -> None:
    """The command on a file of one event, its finding written."""
    path = stream_file("exec", min(1000, sizes.growth))
    row = expected(path)[0].row
    line = path.read_bytes().splitlines(keepends=True)[row]
    single = tmp_path / "single.jsonl"
    single.write_bytes(line)
    command: list[str | Path] = ["-m", "illshell", "scan", "--format", "jsonl", "--quiet", single]
    assert python(command).count(b"\n") == 1
    start = "illshell scan, first finding"
    pair(
        f"start-up: Python alone against {start}",
        partial(python, command),
        partial(python, ["-c", "pass"]),
        start=start,
    )
    note(f"start-up: {start}", benchmark.extra_info["seconds"] * 1e3, "ms", start=start)
