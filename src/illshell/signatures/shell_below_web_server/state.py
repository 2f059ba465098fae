"""The form in which lineage is written down: a snapshot, in bytes.

    magic "ILLN", version, length of all, then the counters, tasks, recent events and clocks,
    each of a fixed size, little-endian, and a CRC-32 of all before it.

A snapshot holds at most 88 bytes a task and 32 kB besides. It does not hold the lists of names:
what is kept stays true under others.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

from illshell.model.errors import IllshellError

MAGIC: Final = b"ILLN"
VERSION: Final = 1

HEADER: Final = struct.Struct("<4sIQQQQQQIIII")
"""magic, version, length, sequence, capacity, max_tasks, hand, evicted, has_exec, and the numbers
of tasks, recent events and clocks."""

TASK: Final = struct.Struct("<QiiqqqIiIHBB16s16s")
"""host, pid, parent_pid, time, seen, start_time, entity, server_pid, check_hash, flags, depth, age,
comm, server_comm."""

RECENT: Final = struct.Struct("<qQqqiiiIIHBB16s16s")
"""sequence, host, time, start_time, pid, parent_pid, tid, entity, parent_entity, marks, kind,
hints, comm, prev_comm."""

CLOCK: Final = struct.Struct("<QqII")
"""host, newest, strikes, 1."""

FILE: Final = struct.Struct("<QQQqII")
"""host, device, inode, changed, last_other, other_names; files are a snapshot of their own."""

CHECKSUM: Final = struct.Struct("<I")


class SnapshotError(IllshellError, ValueError):
    """A snapshot can't be restored: it is damaged, of another version, or of other limits."""


def sealed(body: bytes) -> bytes:
    """Return what was written, with its checksum behind it."""
    return body + CHECKSUM.pack(crc32(body))


def opened(data: bytes, max_tasks: int) -> tuple[int, ...]:
    """Check a snapshot; return the numbers of its header from the sequence on.

    Raises SnapshotError.
    """
    if len(data) < HEADER.size + CHECKSUM.size or data[:4] != MAGIC:
        raise SnapshotError("this is no snapshot of lineage")
    _, version, length, *numbers = HEADER.unpack_from(data)
    if version != VERSION:
        raise SnapshotError(f"the snapshot is of version {version}; expected {VERSION}")
    _, capacity, most, hand, _, _, tasks, recents, clocks = numbers
    expected = (
        HEADER.size
        + tasks * TASK.size
        + recents * RECENT.size
        + clocks * CLOCK.size
        + CHECKSUM.size
    )
    if length != len(data) or expected != len(data):
        raise SnapshotError(f"the snapshot has {len(data)} bytes; expected {expected}")
    if CHECKSUM.unpack_from(data, len(data) - CHECKSUM.size)[0] != crc32(data[: -CHECKSUM.size]):
        raise SnapshotError("the snapshot is damaged: its checksum differs")
    if most != max_tasks:
        raise SnapshotError(f"the snapshot is of at most {most} tasks; expected {max_tasks}")
    if not max(tasks, 1) <= capacity <= most or hand > most:
        raise SnapshotError("the snapshot is damaged: its numbers contradict each other")
    return tuple(numbers)
