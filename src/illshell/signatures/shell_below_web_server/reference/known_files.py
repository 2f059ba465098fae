"""Files that ran as a shell, remembered by device and inode or by hash.

The reference implementation of the same class in ``illshell._lineage``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from illshell.signatures.shell_below_web_server.state import FILE, SnapshotError
from illshell.signatures.shell_below_web_server.task_events import name_hash

SLOTS: Final = 4096
MAX_OTHER_NAMES: Final = 2
"""A file with more names than this that are no shell's is a multi-call program, like busybox."""

_MASK: Final = (1 << 64) - 1


@dataclass(slots=True)
class KnownFile:
    """One file; ``changed`` is its ctime, 0 where unknown."""

    host: int
    device: int
    inode: int
    changed: int
    other_names: int = 0
    last_other: int = 0


class KnownFiles:
    """A table of fixed size: a file that falls on another's place displaces it.

    The ctime tells a file from a later one that has its inode. That a hard link changes the ctime
    costs no more than waiting for the shell to run again under its own name.
    """

    def __init__(self) -> None:
        self._files: dict[int, KnownFile] = {}

    def snapshot(self) -> bytes:
        """Return the files that are known, as bytes."""
        return b"".join(
            FILE.pack(
                file.host, file.device, file.inode, file.changed, file.last_other, file.other_names
            )
            for _, file in sorted(self._files.items())
        )

    def restore(self, data: bytes) -> None:
        """Replace what is known. Raises SnapshotError, and then changes nothing."""
        if len(data) % FILE.size or len(data) > SLOTS * FILE.size:
            raise SnapshotError(f"{len(data)} bytes are no snapshot of known files")
        self._files = {}
        for host, device, inode, changed, last_other, other_names in FILE.iter_unpack(data):
            file = KnownFile(host, device, inode, changed, other_names, last_other)
            self._files[slot_of(host, device, inode)] = file

    def is_shell(
        self, host: int, device: int, inode: int, changed: int, comm: bytes, *, by_name: bool
    ) -> bool:
        """Whether a file that runs under another name ran as a shell; learn it where by_name."""
        if not inode:
            return False
        slot = slot_of(host, device, inode)
        known = self._files.get(slot)
        is_same = known is not None and (known.host, known.device, known.inode) == (
            host,
            device,
            inode,
        )
        if by_name:
            if known is None or not is_same or (changed and changed != known.changed):
                self._files[slot] = KnownFile(host, device, inode, changed)
            return False
        if known is None or not is_same or (changed and known.changed not in {0, changed}):
            return False
        name = name_hash(comm)
        if name != known.last_other:
            known.last_other = name
            known.other_names = min(known.other_names + 1, 255)
        return known.other_names <= MAX_OTHER_NAMES


def slot_of(host: int, device: int, inode: int) -> int:
    """Return the place of a file in the table."""
    mixed = ((host ^ device * 0x9E3779B97F4A7C15) + inode) & _MASK
    mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 & _MASK
    return mixed >> 32 & SLOTS - 1
