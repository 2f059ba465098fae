"""A decoded line of any sensor as an Event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from illshell.dialects.tracee_event import event_of
from illshell.model.event import Event, EventHeaders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from illshell.dialects.dialect import Dialect
    from illshell.model.position import Position


def decoded_event(
    payload: Mapping[str, Any],
    position: Position | None = None,
    raw: bytes | None = None,
    dialects: Iterable[Dialect] | None = None,
) -> Event:
    """Return a decoded line as an event: of Tracee up to v0.24, or of the dialect that knows it.

    ``dialects``: those to try, None for all. A line that none knows is taken for Tracee's.
    """
    if "eventName" in payload:
        return event_of(payload, position, raw)
    from illshell.dialects.canonical import canonical_event

    view = canonical_event(payload, dialects)
    if view is None:
        return event_of(payload, position, raw)
    return Event(EventHeaders(view.selector(), position, raw), payload, view)
