"""grep -F piped into Python and orjson."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson

from contenders.contender import LITERALS, Contender, first_line_of, timestamps


def find_behind(*command: str) -> Callable[[Path], list[int]]:
    """Make a search of the lines that a command prints of a file."""
    patterns = [part for literal in LITERALS for part in ("-e", literal.decode())]

    def find(path: Path) -> list[int]:
        with subprocess.Popen([*command, *patterns, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            return timestamps(map(orjson.loads, process.stdout))

    return find


CONTENDERS = [
    Contender(
        "grep -F | orjson", first_line_of("grep", "--version"), find=find_behind("grep", "-F")
    )
]
