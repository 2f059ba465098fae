"""Where a decoded event of Tracee's has the fields that rules read."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class PayloadField(NamedTuple):
    """A member of the event, or the value of the first of its arguments that has this name.

    A member that is missing or null is the empty string, as in Go. ``typed``: the error for an
    argument that is no string names its Go type, as Tracee v0.24 does.
    """

    key: str
    is_argument: bool = False
    typed: bool = False


TRACEE_FIELDS: Final[Mapping[str, PayloadField]] = MappingProxyType(
    {
        "event_name": PayloadField("eventName"),
        "comm": PayloadField("processName"),
        "pathname": PayloadField("pathname", is_argument=True),
        "prev_comm": PayloadField("prev_comm", is_argument=True, typed=True),
    }
)
"""Of each field; the errors are those of the last release of Tracee that judged its event."""
