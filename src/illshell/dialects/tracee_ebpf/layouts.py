"""How Tracee's eBPF side lays out the records it submits, release by release.

A record is the event's context, a byte that counts the arguments, and the arguments: each is a byte
that numbers it in the event's definition, and its value, whose form that definition alone tells.
All integers are little-endian. Source: aquasecurity/tracee, ``pkg/ebpf/c/types.h``,
``common/buffer.h`` and ``pkg/events/core.go`` of each release.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from struct import Struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from illshell.signatures.illegitimate_shell.names import (
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(NamedTuple):
    """A form of values: the core's code for it, its type's name to v0.23 and from v0.24, struct."""

    code: int
    c_type: str
    go_type: str
    form: Struct | None = None


# A scalar's code is its size. src/illshell/_core/records.pyx has the other three as an enum.
BOOL: Final = Kind(1, "bool", "bool", Struct("<?"))
UMODE: Final = Kind(2, "umode_t", "uint16", Struct("<H"))
INT: Final = Kind(4, "int", "int32", Struct("<i"))
DEV: Final = Kind(4, "dev_t", "uint32", Struct("<I"))
ULONG: Final = Kind(8, "unsigned long", "uint64", Struct("<Q"))
STRING: Final = Kind(16, "const char*", "string")
STRING_ARRAY: Final = Kind(17, "const char*const*", "[]string")
ARGS_ARRAY: Final = Kind(18, "const char**", "[]string")

LONGEST_STRING: Final = 4096
"""Bytes of a string with its NUL."""

LONGEST_ARGS: Final = 8191
"""Bytes of all strings of an args array."""

MOST_ARGS: Final = 1 << 20
"""Strings that an args array may say it stands for; the kernel's limit on an exec is lower."""

MOST_STRINGS: Final = 38
"""Strings of a string array; where there were more, ``...`` follows them."""

CONTEXT: Final = {
    "timestamp": "Q",
    "threadStartTime": "Q",
    "cgroupId": "Q",
    "processId": "I",
    "threadId": "I",
    "parentProcessId": "I",
    "hostProcessId": "I",
    "hostThreadId": "I",
    "hostParentProcessId": "I",
    "userId": "I",
    "mountNamespace": "I",
    "pidNamespace": "I",
    "processName": "16s",
    "hostName": "16s",
}
"""The fields that the context starts with in every release: the JSON key, and the struct format."""

CONTEXT_TEXTS: Final[Mapping[str, int]] = MappingProxyType({"comm": 60, "host": 76})
"""The fields of rules that lie in the context of every release: 16 bytes each, zero-padded."""

FLAGS_AT: Final = 92
"""The byte of the context's flags, u32: bit 0 says containerStarted, bit 1 isCompat."""


class Argument(NamedTuple):
    """An argument of an event's definition."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """The records of one release; the ``_at`` are bytes from the record's start.

    ``context_texts``: of fields of 16 bytes, zero-padded, the bytes at which they start.
    ``event_ids`` are the numbers of the two events that the rule judges, and ``arguments`` their
    definitions, in which an argument's position is its number.
    """

    event_id_at: int  # i32
    return_value_at: int | None  # i64
    cpu_at: int  # u16
    argnum_at: int  # u8
    args_at: int
    event_ids: Mapping[str, int]
    arguments: Mapping[str, tuple[Argument, ...]]
    context_texts: Mapping[str, int]
    go_types: bool = False

    def event_name(self, event_id: int) -> str:
        """Name one of the two events; empty for another one."""
        return next((name for name, known in self.event_ids.items() if known == event_id), "")


_CHECK = (Argument(PATHNAME, STRING), Argument("dev", DEV), Argument("inode", ULONG))
_CHECK_V0_18 = (*_CHECK, Argument("argv", STRING_ARRAY), Argument("envp", STRING_ARRAY))
_EXEC = (
    Argument("cmdpath", STRING),
    Argument("pathname", STRING),
    Argument("argv", ARGS_ARRAY),
    Argument("env", ARGS_ARRAY),
    Argument("dev", DEV),
    Argument("inode", ULONG),
    Argument("invoked_from_kernel", INT),
    Argument("ctime", ULONG),
    Argument("stdin_type", UMODE),
    Argument("inode_mode", UMODE),
    Argument("interp", STRING),
    Argument("interpreter_pathname", STRING),
    Argument("interpreter_dev", DEV),
    Argument("interpreter_inode", ULONG),
    Argument("interpreter_ctime", ULONG),
)
_EXEC_V0_10 = (
    Argument("cmdpath", STRING),
    Argument("pathname", STRING),
    Argument("dev", DEV),
    Argument("inode", ULONG),
    Argument("ctime", ULONG),
    Argument("inode_mode", UMODE),
    Argument("interpreter_pathname", STRING),
    Argument("interpreter_dev", DEV),
    Argument("interpreter_inode", ULONG),
    Argument("interpreter_ctime", ULONG),
    Argument("argv", ARGS_ARRAY),
    Argument("interp", STRING),
    Argument("stdin_type", UMODE),
    Argument("stdin_path", STRING),
    Argument("invoked_from_kernel", INT),
    Argument("env", ARGS_ARRAY),
)
_EXEC_V0_22 = (*_EXEC_V0_10[:15], Argument(PREV_COMM, STRING), Argument("env", ARGS_ARRAY))
_EXEC_V0_23 = (*_EXEC_V0_22[:14], Argument("invoked_from_kernel", BOOL), *_EXEC_V0_22[15:])
_EXEC_V0_24 = (*_EXEC_V0_23, Argument("pwd", STRING))


def _release(
    offsets: tuple[int, int | None, int, int, int],
    event_ids: tuple[int, int],
    check: tuple[Argument, ...],
    exec_: tuple[Argument, ...],
    *,
    go_types: bool = False,
) -> RecordLayout:
    events = (SECURITY_BPRM_CHECK, SCHED_PROCESS_EXEC)
    return RecordLayout(
        *offsets,
        event_ids=MappingProxyType(dict(zip(events, event_ids, strict=True))),
        arguments=MappingProxyType(dict(zip(events, (check, exec_), strict=True))),
        context_texts=CONTEXT_TEXTS,
        go_types=go_types,
    )


# event id, return value, CPU, number of arguments, arguments.
_V0_8 = (96, 104, 116, 118, 120)
_V0_11 = (96, 112, 124, 126, 128)
_V0_16 = (96, 112, 124, 128, 129)
_V0_18 = (112, 128, 140, 144, 145)
_V0_20 = (112, 120, 132, 144, 145)
_HEAD = (112, None, 124, 136, 137)

LAYOUTS: Final[Mapping[str, RecordLayout]] = MappingProxyType(
    {
        "v0.8": _release(_V0_8, (721, 707), _CHECK, _EXEC),
        "v0.9": _release(_V0_8, (721, 707), _CHECK, _EXEC),
        "v0.10": _release(_V0_8, (722, 707), _CHECK, _EXEC_V0_10),
        "v0.11": _release(_V0_11, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.12": _release(_V0_11, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.13": _release(_V0_11, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.14": _release(_V0_11, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.15": _release(_V0_11, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.16": _release(_V0_16, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.17": _release(_V0_16, (729, 713), _CHECK, _EXEC_V0_10),
        "v0.18": _release(_V0_18, (729, 713), _CHECK_V0_18, _EXEC_V0_10),
        "v0.19": _release(_V0_18, (729, 713), _CHECK_V0_18, _EXEC_V0_10),
        "v0.20": _release(_V0_20, (730, 714), _CHECK_V0_18, _EXEC_V0_10),
        "v0.21": _release(_V0_20, (730, 714), _CHECK_V0_18, _EXEC_V0_10),
        "v0.22": _release(_V0_20, (731, 715), _CHECK_V0_18, _EXEC_V0_22),
        "v0.23": _release(_V0_20, (731, 715), _CHECK_V0_18, _EXEC_V0_23),
        "v0.24": _release(_V0_20, (731, 715), _CHECK_V0_18, _EXEC_V0_24, go_types=True),
        "head": _release(_HEAD, (731, 715), _CHECK_V0_18, _EXEC_V0_24, go_types=True),
    }
)
"""The layout of each release that wrote the records; ``v0.8`` is 0.8.3 and 0.8.4.

``head`` is Tracee's main branch after v0.24.1.
"""


def layout_of(release: str, event_ids: Mapping[str, int] | None = None) -> RecordLayout:
    """Return a release's layout; ``event_ids`` replaces the numbers of events that it names.

    Raises ValueError for a release or an event that is unknown, and for one number for both events.
    """
    if release not in LAYOUTS:
        raise ValueError(f"layout {release!r} is none of {', '.join(LAYOUTS)}")
    layout = LAYOUTS[release]
    for name in event_ids or {}:
        if name not in layout.event_ids:
            raise ValueError(f"event {name!r} is none of {', '.join(layout.event_ids)}")
    ids = {**layout.event_ids, **(event_ids or {})}
    if len(set(ids.values())) < len(ids):
        raise ValueError(f"event_ids: {ids} gives two events one number")
    return replace(layout, event_ids=ids)
