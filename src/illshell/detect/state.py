"""Snapshots of signatures' states, as one value of bytes.

A snapshot is ``MAGIC``, a CRC-32 of what follows, and for each signature the sizes of its ID and of
its state (u32 each), the ID in UTF-8, and the state. Numbers are little-endian.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from illshell.model.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from illshell.detect.detector import Detector

MAGIC: Final = b"ILLSHELL-STATE-1\n"

MAX_SNAPSHOT: Final = 256 << 20
"""Bytes that a snapshot may have."""

_CRC: Final = struct.Struct("<I")
_SIZES: Final = struct.Struct("<II")


def save_state(detector: Detector, path: str) -> None:
    """Write a detector's snapshot to a file, in place of an older one, whole or not at all.

    Raises OSError, and StateError where the snapshot is too large.
    """
    snapshot = detector.snapshot()
    target = Path(path)
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with new.open("wb") as file:
            file.write(snapshot)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


def load_state(detector: Detector, path: str) -> None:
    """Load the snapshot in a file, if there is one; StateError where it holds none."""
    try:
        with Path(path).open("rb") as file:
            snapshot = file.read(MAX_SNAPSHOT + 1024)
    except FileNotFoundError:
        return
    try:
        detector.restore(snapshot)
    except StateError as error:
        raise StateError(f"{path}: {error}") from None


def pack_states(states: Mapping[str, bytes]) -> bytes:
    """Return the states of signatures, by their IDs, as a snapshot; StateError if too large."""
    parts = []
    for name, state in states.items():
        encoded = name.encode()
        parts += [_SIZES.pack(len(encoded), len(state)), encoded, state]
    body = b"".join(parts)
    if len(body) > MAX_SNAPSHOT:
        raise StateError(f"a snapshot of {len(body):,} bytes; the limit is {MAX_SNAPSHOT:,}")
    return MAGIC + _CRC.pack(zlib.crc32(body)) + body


def unpack_states(snapshot: bytes) -> dict[str, bytes]:
    """Return the states in a snapshot, by the IDs of their signatures; StateError if damaged."""
    start = len(MAGIC) + _CRC.size
    if not snapshot.startswith(MAGIC) or len(snapshot) < start:
        raise StateError("not a snapshot of illshell, or one of another version")
    body = snapshot[start:]
    if _CRC.pack(zlib.crc32(body)) != snapshot[len(MAGIC) : start]:
        raise StateError("the snapshot is damaged: its checksum differs")
    states = {}
    at = 0
    try:
        while at < len(body):
            name_size, state_size = _SIZES.unpack_from(body, at)
            at += _SIZES.size
            name = body[at : at + name_size].decode()
            at += name_size
            states[name] = body[at : at + state_size]
            at += state_size
    except (struct.error, UnicodeDecodeError):
        at = -1
    if at != len(body):
        raise StateError("the snapshot is damaged: its sizes do not fit")
    return states
