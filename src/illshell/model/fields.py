"""The fields of events: the one place that lists columns, their kinds and their spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cached_property
from math import isfinite
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final

from illshell.model.errors import ColumnError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Kind(Enum):
    """What a field's values are."""

    TEXT = "text"
    INT64 = "int64"
    BOOL = "bool"
    BYTES = "bytes"
    TIME = "time"
    """Nanoseconds since 1970, int64."""


@dataclass(frozen=True)
class Field:
    """A named value of an event.

    ``key``: the key that Tracee's JSON has for it at the top level of an event, None for one that
    is an argument or no part of the JSON. ``spellings``: further column names it is known by.
    """

    name: str
    kind: Kind
    meaning: str
    key: str | None = None
    spellings: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names that it is looked for under, the first that is there wins."""
        return tuple(dict.fromkeys([self.name, *([self.key] if self.key else ()), *self.spellings]))


EVENT_NAME: Final = "event_name"
COMM: Final = "comm"
PREV_COMM: Final = "prev_comm"
PATHNAME: Final = "pathname"
RAW_EVENT: Final = "raw_event"

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        Field(EVENT_NAME, Kind.TEXT, "what happened", "eventName"),
        Field(
            COMM, Kind.TEXT, "name of the task after the event", "processName", ("process_name",)
        ),
        Field(PREV_COMM, Kind.TEXT, "name of the task just before an exec", None, ("prevComm",)),
        Field(PATHNAME, Kind.TEXT, "file that is executed"),
        Field(RAW_EVENT, Kind.BYTES, "the event's own JSON", None, ("record",)),
        Field("cmdpath", Kind.TEXT, "file as given to execve"),
        Field("interp", Kind.TEXT, "interpreter of a script, else the file itself"),
        Field("argv", Kind.TEXT, "arguments, joined by blanks"),
        Field("cwd", Kind.TEXT, "working directory"),
        Field(
            "pid",
            Kind.INT64,
            "process, in the host's numbering; of a fork the child",
            "hostProcessId",
            ("host_process_id", "host_pid"),
        ),
        Field(
            "tid",
            Kind.INT64,
            "thread, in the host's numbering; of a fork the child",
            "hostThreadId",
            ("host_thread_id", "host_tid"),
        ),
        Field(
            "parent_pid",
            Kind.INT64,
            "parent process, in the host's numbering",
            "hostParentProcessId",
            ("host_parent_process_id", "ppid"),
        ),
        Field(
            "entity_id",
            Kind.INT64,
            "identity of the process that outlives its pid",
            "processEntityId",
            ("process_entity_id",),
        ),
        Field("parent_entity_id", Kind.INT64, "identity of the parent process", "parentEntityId"),
        Field("parent_comm", Kind.TEXT, "name of the parent"),
        Field("parent_pathname", Kind.TEXT, "executable of the parent"),
        Field("time", Kind.TIME, "when it happened", "timestamp"),
        Field(
            "start_time",
            Kind.TIME,
            "when the task was forked",
            "threadStartTime",
            ("thread_start_time",),
        ),
        Field("host", Kind.TEXT, "host name", "hostName", ("host_name",)),
        Field("uid", Kind.INT64, "user id", "userId", ("user_id",)),
        Field("container", Kind.TEXT, "container id", "containerId", ("container_id",)),
        Field("container_started", Kind.BOOL, "whether the container's own program runs already"),
        Field("image", Kind.TEXT, "container image"),
        Field("pod", Kind.TEXT, "Kubernetes pod"),
        Field("inode", Kind.INT64, "inode of the executed file"),
        Field("dev", Kind.INT64, "its device, major << 20 | minor"),
        Field("ctime", Kind.INT64, "its change time in nanoseconds"),
        Field("links", Kind.INT64, "its link count; 0 is a file without a name"),
        Field("memfd", Kind.BOOL, "whether it is an anonymous file in memory"),
        Field("sha256", Kind.TEXT, "its SHA-256 in hexadecimal"),
        Field("group_exit", Kind.BOOL, "whether the whole process exits"),
    )
}
"""Each field by its name."""

PLACED_FIELDS: Final[Mapping[str, Field]] = {
    name: field for name, field in FIELDS.items() if name not in (EVENT_NAME, RAW_EVENT)
}
"""The fields that a dialect says the place of; the others follow from the event as a whole."""


def choose_columns(
    names: Sequence[str],
    columns: Mapping[str, str],
    *,
    required: Sequence[str] = (EVENT_NAME, COMM),
    event_name: str | None = None,
) -> dict[str, str]:
    """Return which of the column names is which field.

    ``columns``: names that the caller gives, by field. ``required``: fields that must be there.
    ``event_name``: the name of every row, in place of a column. Raises ColumnError for a field that
    is unknown, missing or there twice.
    """
    if event_name is not None and EVENT_NAME in map(field_name, columns):
        raise ColumnError(EVENT_NAME, "given as a column and as the name of every row")
    given = {field_name(column): name for column, name in columns.items()}
    for column in given:
        if column not in FIELDS:
            raise ColumnError(column, f"unknown field; expected one of {', '.join(FIELDS)}")
    chosen = {}
    for field in FIELDS.values():
        if field.name == EVENT_NAME and event_name is not None:
            continue
        wanted = (given[field.name],) if field.name in given else field.names
        found = next((name for name in wanted if name in names), None)
        if found is None:
            if field.name in given or field.name in required:
                raise ColumnError(
                    field.name,
                    f"missing: no column is called {' or '.join(wanted)}; "
                    f"the columns are {', '.join(names) or 'none'}",
                )
            continue
        if names.count(found) > 1:
            if field.name not in (*given, *required, PREV_COMM, PATHNAME):
                continue
            raise ColumnError(field.name, f"{names.count(found)} columns are called {found}")
        chosen[field.name] = found
    return chosen


_DIGITS: Final = re.compile(r"(-?[0-9]{1,19})(?:\.0+)?", re.ASCII)
_FIELD_OF: Final = {name: field.name for field in FIELDS.values() for name in field.names}


def field_name(name: str) -> str:
    """Return the name of the field that a spelling stands for; an unknown one as it is."""
    return _FIELD_OF.get(name, name)


def normalized(value: Any, kind: Kind) -> Any:
    """Return a value in the one form that its kind has, whatever column type or JSON it came as.

    Text is str, numbers and times are int; None where the value is of no such kind.
    """
    if kind is Kind.TEXT:
        if isinstance(value, bytes):
            return value.rstrip(b"\0").decode("utf-8", "surrogateescape")
        return value if isinstance(value, str) else None
    if kind is Kind.BOOL:
        return value if isinstance(value, bool) else None
    if kind is Kind.BYTES:
        return value if isinstance(value, bytes) else None
    return _integer(value)


def _integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, (float, Decimal)):
        return int(value) if isfinite(value) and value == int(value) else None
    digits = _DIGITS.fullmatch(value) if isinstance(value, str) else None
    return None if digits is None else int(digits[1])


def column_kinds(fields: Iterable[str]) -> dict[str, str]:
    """Return the kinds of these fields' columns; ValueError for a field that there is not."""
    kinds: dict[str, str] = {}
    for name in fields:
        if name not in FIELDS:
            raise ValueError(f"unknown field {name!r}; expected one of {', '.join(FIELDS)}")
        kinds[name] = FIELDS[name].kind.value
    return kinds


def kind_of(name: str) -> str:
    """Return the kind of a field by its name, as columns and dialects write it."""
    return FIELDS[name].kind.value
