"""Events of tasks from Tracee's JSON: what ILL-1001 reads of a payload."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from illshell.model.errors import InvalidEventError
from illshell.model.type_names import json_type_of
from illshell.signatures.shell_below_web_server.rules import Program, as_comm
from illshell.signatures.shell_below_web_server.task_events import (
    CHECK,
    EXEC,
    EXIT,
    FORK,
    TaskEvent,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_INT64: Final = (1 << 63) - 1
MAX_PID: Final = (1 << 31) - 1
MAX_ENTITY: Final = (1 << 32) - 1

KINDS: Final = {
    "sched_process_exec": EXEC,
    "security_bprm_check": CHECK,
    "sched_process_fork": FORK,
    "sched_process_exit": EXIT,
}
"""Kinds of the events that are read, by name."""


class FileIdentity(NamedTuple):
    """Which file was executed; 0 and "" where it is not known."""

    device: int = 0
    inode: int = 0
    changed: int = 0
    sha256: str = ""


class Observation(NamedTuple):
    """What one event says: its task's numbers, and the program where there is one."""

    task: TaskEvent
    program: Program
    file: FileIdentity


def observe(payload: Mapping[str, Any]) -> Observation | None:
    """Read a payload; None for an event of another name.

    A value that is missing or of another type counts as not known. Raises InvalidEventError where
    ``args`` is no array of objects.
    """
    kind = KINDS.get(_text(payload, "eventName"))
    if kind is None:
        return None
    args = _arguments(payload)
    name = _text(payload, "processName")
    if kind == FORK:
        program = Program(kind, comm=name)
    elif kind == CHECK:
        program = Program(
            kind, prev_comm=name, pathname=_text(args, "pathname"), argv=_texts(args, "argv")
        )
    else:
        program = Program(
            kind,
            comm=name,
            prev_comm=_text(args, "prev_comm"),
            pathname=_text(args, "pathname"),
            cmdpath=_text(args, "cmdpath"),
            interp=_text(args, "interp"),
            argv=_texts(args, "argv"),
        )
    file = FileIdentity(
        _integer(args, "dev"),
        _integer(args, "inode"),
        _integer(args, "ctime"),
        _text(args, "sha256"),
    )
    return Observation(_task(kind, payload, args, program), program, file)


def _task(
    kind: int, payload: Mapping[str, Any], args: Mapping[str, Any], program: Program
) -> TaskEvent:
    host, time = host_number(_text(payload, "hostName")), _integer(payload, "timestamp")
    if kind == FORK:
        return TaskEvent(
            kind,
            _integer(args, "child_pid", MAX_PID),
            _integer(payload, "hostProcessId", MAX_PID),
            _integer(args, "child_tid", MAX_PID),
            host,
            time,
            _integer(args, "start_time"),
            parent_entity=_integer(payload, "processEntityId", MAX_ENTITY),
            comm=as_comm(program.comm),
        )
    return TaskEvent(
        kind,
        _integer(payload, "hostProcessId", MAX_PID),
        _integer(payload, "hostParentProcessId", MAX_PID),
        _integer(payload, "hostThreadId", MAX_PID),
        host,
        time,
        _integer(payload, "threadStartTime"),
        _integer(payload, "processEntityId", MAX_ENTITY),
        _integer(payload, "parentEntityId", MAX_ENTITY),
        as_comm(program.file_name if kind == CHECK else program.comm),
        as_comm(program.prev_comm),
    )


@lru_cache(maxsize=4096)
def host_number(name: str) -> int:
    """Return 64 bits that stand for a host's name (FNV-1a); 0 for an empty one."""
    if not name:
        return 0
    number = 0xCBF29CE484222325
    for byte in name.encode("utf-8", "surrogateescape"):
        number = (number ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return number or 1


def _arguments(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name; of those with one name the first."""
    args = payload.get("args")
    if args is None:
        return {}
    if not isinstance(args, list):
        raise InvalidEventError(f"args is of type {json_type_of(args)}, not array")
    values: dict[str, Any] = {}
    for index, arg in enumerate(args):
        if not isinstance(arg, dict):
            raise InvalidEventError(f"args[{index}] is of type {json_type_of(arg)}, not object")
        name = arg.get("name")
        if isinstance(name, str):
            values.setdefault(name, arg.get("value"))
    return values


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _texts(values: Mapping[str, Any], key: str) -> list[str] | None:
    value = values.get(key)
    if not isinstance(value, list) or not value:
        return None
    return [word for word in value if isinstance(word, str)]


def _integer(values: Mapping[str, Any], key: str, limit: int = MAX_INT64) -> int:
    """Return a number from 0 to limit, else 0."""
    value = values.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit:
        return value
    return 0
