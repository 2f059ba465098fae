"""The fields that a dialect may place: name, kind and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

Kind: TypeAlias = Literal["text", "int64", "bool", "time"]


@dataclass(frozen=True, slots=True)
class Field:
    """A value that signatures may read: ``kind`` is ``text``, ``int64``, ``bool`` or ``time``.

    Text is valid UTF-8, time is int64 nanoseconds since 1970.
    """

    name: str
    kind: Kind
    meaning: str


EVENT_NAME: Final = "event_name"
"""The field that says what happened; it follows from a dialect's events, not from a path."""

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        Field("comm", "text", "name of the task after the event"),
        Field("prev_comm", "text", "name of the task just before an exec"),
        Field("pathname", "text", "file that is executed"),
        Field("cmdpath", "text", "file as given to execve"),
        Field("interp", "text", "interpreter of a script, else the file itself"),
        Field("argv", "text", "arguments, joined by blanks"),
        Field("cwd", "text", "working directory"),
        Field("pid", "int64", "process, in the host's numbering; of a fork the child"),
        Field("tid", "int64", "thread, in the host's numbering; of a fork the child"),
        Field("parent_pid", "int64", "parent process, in the host's numbering"),
        Field("entity_id", "int64", "identity of the process that outlives its pid"),
        Field("parent_entity_id", "int64", "identity of the parent process"),
        Field("parent_comm", "text", "name of the parent"),
        Field("parent_pathname", "text", "executable of the parent"),
        Field("time", "time", "when it happened"),
        Field("start_time", "time", "when the task was forked"),
        Field("host", "text", "host name"),
        Field("uid", "int64", "user id"),
        Field("container", "text", "container id"),
        Field("container_started", "bool", "whether the container's own program runs already"),
        Field("image", "text", "container image"),
        Field("pod", "text", "Kubernetes pod"),
        Field("inode", "int64", "inode of the executed file"),
        Field("dev", "int64", "its device, major << 20 | minor"),
        Field("ctime", "int64", "its change time in nanoseconds"),
        Field("links", "int64", "its link count; 0 is a file without a name"),
        Field("memfd", "bool", "whether it is an anonymous file in memory"),
        Field("sha256", "text", "its SHA-256 in hexadecimal"),
        Field("group_exit", "bool", "whether the whole process exits"),
    )
}


def kind_of(name: str) -> str:
    """Return the kind of a field: ``text``, ``int64``, ``bool`` or ``time``."""
    return "text" if name == EVENT_NAME else FIELDS[name].kind


def column_kinds(fields: Iterable[str]) -> dict[str, str]:
    """Return the kinds of the columns of these names; ValueError for a field that there is not."""
    kinds: dict[str, str] = {}
    for name in fields:
        if name != EVENT_NAME and name not in FIELDS:
            raise ValueError(f"unknown field {name!r}; there are {EVENT_NAME}, {', '.join(FIELDS)}")
        kinds[name] = kind_of(name)
    return kinds
