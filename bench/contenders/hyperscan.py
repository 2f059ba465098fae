"""Hyperscan's literal search on the mapped file, orjson on the lines around."""

from __future__ import annotations

import mmap
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hyperscan
import orjson

from contenders.contender import LITERALS, Contender, timestamps
from contenders.python_orjson import lines_around

PIECE = 1 << 30
"""A position is 32 bits wide."""


def database() -> Any:
    made = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    made.compile(
        expressions=LITERALS,
        ids=list(range(len(LITERALS))),
        elements=len(LITERALS),
        literal=True,
        flags=[0] * len(LITERALS),
    )
    return made


def find(path: Path) -> list[int]:
    search = database()
    ends: list[int] = []
    longest = max(map(len, LITERALS))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        view = memoryview(mapped)
        for base in range(0, len(mapped), PIECE):
            start = max(0, base - longest)

            def note(_id: int, _from: int, to: int, *_: Any, start: int = start) -> None:
                ends.append(start + to - 1)

            with view[start : base + PIECE] as piece:
                search.scan(piece, match_event_handler=note)
        view.release()
        return timestamps(map(orjson.loads, lines_around(mapped, iter(sorted(ends)))))


CONTENDERS = [Contender("Hyperscan on mmap, orjson", version("hyperscan"), find=find)]
