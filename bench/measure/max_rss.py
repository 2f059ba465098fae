"""The time and the largest resident set of a command of its own.

A process that is forked begins with its parent's maximum on its account. So this runs as a small
process between: ``python max_rss.py COMMAND ...`` prints both as JSON on its last line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

KIB = 1024


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took: seconds, bytes at most, and what it printed."""

    seconds: float
    max_rss: int
    output: str


def run(*command: str | Path, stdin: IO[bytes] | None = None) -> Run:
    """Run a command to its end; CalledProcessError where it fails."""
    ended = subprocess.run(
        [sys.executable, "-S", __file__, *map(str, command)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *output, last = ended.stdout.splitlines()
    measured = json.loads(last)
    return Run(measured["seconds"], measured["max_rss"], "\n".join(output))


def main() -> int:
    start = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:])
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps({"seconds": seconds, "max_rss": usage.ru_maxrss * KIB}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
