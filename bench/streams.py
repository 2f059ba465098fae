"""Generated streams as files, made once under build/bench and kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from stream import MIXES, write_stream

FOLDER: Final = Path(__file__).resolve().parent.parent / "build" / "bench"
SEED: Final = 1016


def stream_file(mix: str, events: int) -> Path:
    """Give the path of a stream; its name says what is in it."""
    path = FOLDER / f"{mix}-{events}-{SEED}.jsonl"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        with unfinished.open("wb") as out:
            write_stream(out, events, seed=SEED, mix=MIXES[mix])
        unfinished.rename(path)
    return path
