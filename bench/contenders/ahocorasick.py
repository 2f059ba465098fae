"""ahocorasick_rs on the mapped file, orjson on the lines around what it finds."""

from __future__ import annotations

import mmap
from importlib.metadata import version
from pathlib import Path

import ahocorasick_rs
import orjson

from contenders.contender import LITERALS, Contender, timestamps
from contenders.python_orjson import lines_around


def find(path: Path) -> list[int]:
    search = ahocorasick_rs.BytesAhoCorasick(LITERALS)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        starts = (start for _, start, _ in search.find_matches_as_indexes(mapped))
        return timestamps(map(orjson.loads, lines_around(mapped, starts)))


CONTENDERS = [Contender("ahocorasick_rs on mmap, orjson", version("ahocorasick-rs"), find=find)]
