"""Generated streams as files, made once under build/bench and kept, and what is true of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import generator
from generator import MIXES, TABLES, Mix, write_stream

from illshell.signatures.illegitimate_shell.names import EVENTS, PATHNAME, PREV_COMM

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FOLDER: Final = Path(__file__).resolve().parents[2] / "build" / "bench"
SEED: Final = 1016
PIECE: Final = 1 << 20
DISTINCT_LINES: Final = 1000
"""Lines that a stream of padded ones repeats."""

SUFFIXES: Final = {"plain": "", "gzip": ".gz", "zstd": ".zst"}
_LEVELS: Final = {"gzip": 6, "zstd": 3}  # what the commands take by default


@dataclass(frozen=True, slots=True)
class Hit:
    """An event that the rule must find; its ``timestamp`` is unique in its stream."""

    row: int
    event: str
    timestamp: int


def stream_file(mix: str | Mix, events: int, compression: str = "plain") -> Path:
    """Give the path of a stream; its name says what is in it."""
    mix = MIXES[mix] if isinstance(mix, str) else mix
    path = FOLDER / f"{mix.name}-{events}-{SEED}-{_generator()}.jsonl"
    if not (path.exists() and _truth_of(path).exists()):
        with unfinished(path) as out:
            truth = write_stream(out, events, seed=SEED, mix=mix, keep_hits=True)
        with unfinished(_truth_of(path)) as out:
            out.write(json.dumps(list(_hits(path, truth.hits))).encode())
    return path if compression == "plain" else _compressed(path, compression)


def expected(path: Path, events: tuple[str, ...] = EVENTS) -> list[Hit]:
    """Give what is to be found in a stream, in its order: the generator's own word."""
    plain = path.with_suffix("") if path.suffix in SUFFIXES.values() else path
    hits = (Hit(*each) for each in json.loads(_truth_of(plain).read_bytes()))
    return [hit for hit in hits if hit.event in events]


def padded_stream(length: int, size: int) -> Path:
    """Give ``size`` bytes of execs as lines of ``length`` bytes, an argument cut or stretched."""
    path = FOLDER / f"length-{length}-{size}-{SEED}-{_generator()}.jsonl"
    if not path.exists():
        source = stream_file("exec", DISTINCT_LINES)
        with source.open("rb") as lines:
            padded = [_padded(json.loads(line), length) for line in lines]
        with unfinished(path) as out:
            for index in range(max(1, size // length)):
                out.write(padded[index % len(padded)])
    return path


def _padded(event: dict[str, Any], length: int) -> bytes:
    """Keep what the rule reads, and fill the line with an argument."""
    filler = {"name": "env", "type": "string", "value": ""}
    args = [arg for arg in event["args"] if arg["name"] in (PATHNAME, PREV_COMM)]
    short = {key: event[key] for key in ("timestamp", "processName", "eventName")}
    line = _compact(short | {"args": [filler, *args]})
    filler["value"] = "x" * max(0, length - len(line) - 1)
    return _compact(short | {"args": [filler, *args]}) + b"\n"


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def open_stream(path: Path) -> BinaryIO:
    """Open a stream's lines, decompressed as a Python user does it."""
    if path.suffix == SUFFIXES["gzip"]:
        return cast("BinaryIO", gzip.open(path))
    if path.suffix == SUFFIXES["zstd"]:
        return cast("BinaryIO", zstd.open(path))
    return path.open("rb")


def warm(path: Path) -> Path:
    """Bring a file into the page cache."""
    buffer = bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
    return path


@cache
def _generator() -> str:
    """Tell one state of the generator from another."""
    state = hashlib.sha256(TABLES.read_bytes() + Path(generator.__file__).read_bytes())
    return state.hexdigest()[:8]


def _compressed(plain: Path, compression: str) -> Path:
    path = plain.with_name(plain.name + SUFFIXES[compression])
    if not path.exists():
        level = _LEVELS[compression]
        with unfinished(path) as out, plain.open("rb") as source:
            packed = (
                gzip.GzipFile("", "wb", level, out, mtime=0)
                if compression == "gzip"
                else zstd.ZstdFile(out, "wb", level=level)
            )
            with packed:
                while piece := source.read(PIECE):
                    packed.write(piece)
    return path


def _hits(path: Path, rows: tuple[int, ...]) -> Iterator[tuple[int, str, int]]:
    wanted = set(rows)
    with path.open("rb") as lines:
        for row, line in enumerate(lines):
            if row in wanted:
                event = json.loads(line)
                yield row, event["eventName"], event["timestamp"]


def _truth_of(path: Path) -> Path:
    return path.with_suffix(".truth.json")


@contextmanager
def unfinished(path: Path) -> Iterator[BinaryIO]:
    """Write a file under another name until it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    other = path.with_name(f"{path.name}.{os.getpid()}")
    with other.open("wb") as out:
        yield out
    other.rename(path)
