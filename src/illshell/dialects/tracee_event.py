"""An Event of a Tracee payload: its selector is read from the payload's own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from illshell.model.event import Event, EventHeaders, SignatureEventSelector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from illshell.model.position import Position

SOURCE: Final = "tracee"


def event_of(
    payload: Mapping[str, Any], position: Position | None = None, raw: bytes | None = None
) -> Event:
    """Return a decoded Tracee event with its headers."""
    name = payload.get("eventName")
    selector = SignatureEventSelector(
        SOURCE, name if isinstance(name, str) else "", origin_of(payload)
    )
    return Event(EventHeaders(selector, position, raw), payload)


def origin_of(payload: Mapping[str, Any]) -> str:
    """Return an event's origin as Tracee's ``Event.Origin`` does, for each vintage of its keys."""
    flags = payload.get("contextFlags")
    if isinstance(flags, dict) and flags.get("containerStarted") is True:
        return "container"
    container = payload.get("container")
    identity = container.get("id") if isinstance(container, dict) else None
    return "container-init" if identity or payload.get("containerId") else "host"
