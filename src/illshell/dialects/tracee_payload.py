"""Where a decoded event of Tracee's has the fields that rules read."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the event itself; one that is missing or null is the empty string, as in Go."""

    key: str


@dataclass(frozen=True, slots=True)
class Argument:
    """The value of the first of the event's arguments that has this name.

    ``typed``: the error for a value that is no string names its Go type, as Tracee v0.24 does.
    """

    name: str
    typed: bool = False


TRACEE_FIELDS: Final[Mapping[str, Member | Argument]] = MappingProxyType(
    {
        "event_name": Member("eventName"),
        "comm": Member("processName"),
        "pathname": Argument("pathname"),
        "prev_comm": Argument("prev_comm", typed=True),
    }
)
"""Of each field; the errors are those of the last release of Tracee that judged its event."""
