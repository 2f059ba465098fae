"""Events of tasks as lineage sees them: numbers, two names, and bits that say what was executed."""

from __future__ import annotations

from typing import Final, NamedTuple

EXEC: Final = 1
"""A program was executed: ``sched_process_exec``."""

CHECK: Final = 2
"""A program is about to be executed: ``security_bprm_check``."""

FORK: Final = 3
"""A process was forked: ``sched_process_fork``."""

EXIT: Final = 4
"""A task ended: ``sched_process_exit``."""

# Marks: why an executed program may be a shell. Rules by name follow from them, see rules.py.
SHELL_NAME: Final = 1
SHELL_VERSION: Final = 2
SHELL_PATH: Final = 4
MEMFD: Final = 8
FD_PATH: Final = 16
DELETED_FILE: Final = 32
LOADER: Final = 64
MULTI_CALL: Final = 128
SAME_FILE: Final = 256
SAME_HASH: Final = 512
EXACT: Final = 1 << 15
"""TRC-1016 reports this event; no reason by itself."""

# Hints: what else is known of an executed program.
SERVER_ARGUMENTS: Final = 1
"""A runtime's arguments name a server."""

OTHER_ARGUMENTS: Final = 2
"""A runtime's arguments are known and name none."""


class TaskEvent(NamedTuple):
    """One event of a task; 0 or an empty name stands for what is not known.

    ``pid``, ``parent_pid`` and ``tid`` are the host's numbers, ``pid`` of the process; of a fork
    they are the child's. ``host``: a 64-bit hash of the host's name. ``time`` and ``start_time``:
    ns since one epoch. ``entity`` and ``parent_entity``: 32-bit numbers of the sensor that tell a
    process from others with its pid. ``comm``: after an exec; of a check the file's name; of a
    fork the parent's. ``prev_comm``: before an exec or check. Names are at most 15 bytes.
    """

    kind: int
    pid: int
    parent_pid: int = 0
    tid: int = 0
    host: int = 0
    time: int = 0
    start_time: int = 0
    entity: int = 0
    parent_entity: int = 0
    comm: bytes = b""
    prev_comm: bytes = b""
    hints: int = 0
    marks: int = 0


class Link(NamedTuple):
    """A task in the chain from a server to a shell."""

    pid: int
    comm: bytes


def name_hash(comm: bytes) -> int:
    """Return 32 bits that stand for a name."""
    padded = comm.ljust(16, b"\0")
    low, high = int.from_bytes(padded[:8], "little"), int.from_bytes(padded[8:], "little")
    mixed = (low ^ high * 0x9E3779B97F4A7C15) * 0xD6E8FEB86659FD93 & 0xFFFFFFFFFFFFFFFF
    return mixed >> 32


# Evidence: how a task is known to be below a server.
BY_NAME: Final = 1
"""The name before the exec is a web server's."""

BY_ITSELF: Final = 2
"""The task was below a server before, or was one."""

BY_PARENT: Final = 3
"""The parent is below a server, or is one."""


class Hit(NamedTuple):
    """A program with marks that was executed below a web server.

    ``sequence``: the number of its event in the stream, from 0. ``is_late``: it was decided after
    its event, by one that came out of order or by the lack of an exec event. ``chain``: from the
    server to the program; ``is_whole`` tells that no task between them is unknown.
    ``since_start``: ns from the start of the server to the exec where the server's main process
    itself made it, else -1.
    """

    sequence: int
    event: TaskEvent
    marks: int
    evidence: int
    chain: tuple[Link, ...]
    is_whole: bool
    since_start: int
    is_late: bool
