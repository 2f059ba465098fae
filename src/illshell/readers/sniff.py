"""What a file holds, detected from its first bytes and never from its name."""

from __future__ import annotations

import os
import stat
from enum import Enum
from pathlib import Path
from typing import Final

_HEAD: Final = 8


class Columnar(Enum):
    """A kind of file that holds columns; the value is what messages call it."""

    PARQUET = "Parquet file"
    ARROW_FILE = "Arrow IPC file"
    ARROW_STREAM = "Arrow IPC stream"


_MAGICS: Final = (
    (b"PAR1", Columnar.PARQUET),
    (b"PARE", Columnar.PARQUET),  # the footer is encrypted
    (b"ARROW1\0\0", Columnar.ARROW_FILE),
    (b"\xff\xff\xff\xff", Columnar.ARROW_STREAM),
)


def columnar_kind(source: str | int) -> Columnar | None:
    """Return which columnar file a path or descriptor is; None for anything else.

    Only a regular file is looked at, from its start; nothing is read away from a descriptor.
    OSError where the path can't be opened.
    """
    if isinstance(source, str):
        if not Path(source).is_file():
            return None
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return columnar_kind(descriptor)
        finally:
            os.close(descriptor)
    if not stat.S_ISREG(os.fstat(source).st_mode) or os.lseek(source, 0, os.SEEK_CUR) != 0:
        return None
    head = os.pread(source, _HEAD, 0)
    return next((kind for magic, kind in _MAGICS if head.startswith(magic)), None)
