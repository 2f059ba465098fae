"""stringzilla's search on the mapped file for each name in turn, orjson on the lines around."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import stringzilla
from stringzilla import File, Str

from contenders.contender import LITERALS, Contender, timestamps


def lines_with(text: Str, literal: str) -> Iterator[memoryview]:
    at = text.find(literal)
    while at >= 0:
        begin = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        if end < 0:
            end = len(text)
        yield memoryview(text[begin:end])
        at = text.find(literal, end)


def find(path: Path) -> list[int]:
    text = Str(File(str(path)))
    found: list[int] = []
    for literal in LITERALS:
        found += timestamps(map(orjson.loads, lines_with(text, literal.decode())))
    return sorted(found)


CONTENDERS = [Contender("stringzilla on mmap, orjson", stringzilla.__version__, find=find)]
