"""One point of a growth curve, in a process of its own: prints the seconds of the job alone.

    python bench/run_module.py growth_job lines MODULE TOOL REPEATS FILE
    python bench/run_module.py growth_job columns MODULE TOOL MIX ROWS NAMES [RUNS]

MODULE and TOOL name a contender; MODULE ``illshell`` is illshell. Columns are judged on as many
threads as the process may use cores; that is when contenders start their threads, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contenders
import generator
import illshell_side
from columns import packed_events
from names_at_random import many_names
from timing import seconds_of

import illshell

ILLSHELL = "illshell"


def lines(module: str, tool: str, repeats: int, path: Path) -> float:
    """Scan a file again and again, as if the stream went on."""
    if module == ILLSHELL:
        illshell_side.find(Path(os.devnull))  # to be warm
        return seconds_of(lambda: [illshell_side.find(path) for _ in range(repeats)])
    find = contenders.named(module, tool).find
    assert find is not None
    return seconds_of(lambda: [find(path) for _ in range(repeats)])


def columns(module: str, tool: str, mix: str, rows: int, names: int, runs: int = 3) -> float:
    """Judge a table of many rows, with many names of web servers."""
    batch = packed_events(shared(mix), rows)
    web_servers = many_names(names)
    judge: Callable[[], Any]
    if module == ILLSHELL:
        threads = len(os.sched_getaffinity(0))
        judge = lambda: illshell.match(batch, web_servers=web_servers, threads=threads)  # noqa: E731
    else:
        contender = contenders.named(module, tool)
        assert contender.match is not None
        match: Callable[..., Any] = contender.match
        table = contender.prepare(batch)
        judge = lambda: match(table, web_servers)  # noqa: E731
    judge()
    return min(seconds_of(judge) for _ in range(runs))


def shared(mix: str) -> generator.Mix:
    """Read a mix from ``NAME,EXECS,HITS``."""
    name, execs, hits = mix.split(",")
    return generator.Mix(name, float(execs), float(hits))


def main() -> None:
    job, module, tool, *rest = sys.argv[1:]
    if job == "lines":
        print(lines(module, tool, int(rest[0]), Path(rest[1])))
    else:
        print(columns(module, tool, rest[0], *map(int, rest[1:])))


if __name__ == "__main__":
    main()
