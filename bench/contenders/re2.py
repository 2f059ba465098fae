"""RE2 on the mapped file, orjson on the lines around what it finds."""

from __future__ import annotations

import mmap
from importlib.metadata import version
from pathlib import Path

import orjson
import re2

from contenders.contender import LITERALS, Contender, timestamps
from contenders.python_orjson import lines_around


def find(path: Path) -> list[int]:
    pattern = re2.compile(b"|".join(map(re2.escape, LITERALS)))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        starts = (match.start() for match in pattern.finditer(mapped))
        return timestamps(map(orjson.loads, lines_around(mapped, starts)))


CONTENDERS = [Contender("RE2 on mmap, orjson", version("google-re2"), find=find)]
