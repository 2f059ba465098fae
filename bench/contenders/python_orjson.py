"""orjson on every line, and behind the searches that Python itself has."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

import orjson
from cache import SUFFIXES, open_stream

from contenders.contender import LITERALS, Contender, timestamps
from contenders.python_json import find_with


def find_behind_in(path: Path) -> list[int]:
    """``in`` on each line, and orjson on those that hold a name."""
    first, second = LITERALS
    with open_stream(path) as lines:
        wanted = (line for line in lines if first in line or second in line)
        return timestamps(map(orjson.loads, wanted))


def lines_around(mapped: mmap.mmap | bytes, starts: Iterator[int]) -> Iterator[bytes]:
    """Give the line about each position, each line once; positions are in order."""
    end = -1
    for start in starts:
        if start < end:
            continue
        begin = mapped.rfind(b"\n", 0, start) + 1
        end = mapped.find(b"\n", start)
        if end < 0:
            end = len(mapped)
        yield mapped[begin:end]


def find_behind_mmap(path: Path) -> list[int]:
    """``mmap.find`` for each name in turn, and orjson on the lines around."""

    def positions(mapped: mmap.mmap, literal: bytes) -> Iterator[int]:
        at = mapped.find(literal)
        while at >= 0:
            yield at
            at = mapped.find(literal, at + 1)

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        found: list[int] = []
        for literal in LITERALS:
            found += timestamps(map(orjson.loads, lines_around(mapped, positions(mapped, literal))))
    return sorted(found)


CONTENDERS = [
    Contender(
        "Python (the reference), orjson",
        orjson.__version__,
        find=find_with(orjson.loads),
        compressions=tuple(SUFFIXES),
        is_reference=True,
    ),
    Contender(
        "orjson behind `in`",
        orjson.__version__,
        find=find_behind_in,
        compressions=tuple(SUFFIXES),
    ),
    Contender("orjson behind mmap.find", orjson.__version__, find=find_behind_mmap),
]
