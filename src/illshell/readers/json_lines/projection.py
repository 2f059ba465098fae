"""What the readers of JSON lines are asked for: events and fields, in every dialect."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from illshell.dialects.compiled import projection_dict
from illshell.model.fields import COMM, EVENT_NAME, RAW_EVENT

if TYPE_CHECKING:
    from illshell.dialects.dialect import Dialect
    from illshell.model.event import Event
    from illshell.readers.selection import Projected, Selection

TRACEE: Final = "tracee"

_NEEDLE: Final = re.compile(r"[0-9A-Za-z_.:-]+", re.ASCII)


def projection_of(selection: Selection | Projected) -> dict[str, Any]:
    """Return the projection of a selection, as illshell-ingest takes it.

    Events that no dialect lists are Tracee's, by their name; where every event is selected, each
    line that no dialect knows is one of Tracee's, whatever its name.
    """
    fields = [name for name in selection.fields if name != RAW_EVENT]
    columns = list(dict.fromkeys((EVENT_NAME, COMM, *fields)))
    names = None if selection.event_names is None else list(selection.event_names)
    made = projection_dict(columns, names, selection.dialects)
    if selection.dialects is not None and TRACEE not in selection.dialects:
        return made
    listed = {event["event"] for part in made["dialects"] for event in part["events"]}
    others = None if names is None else [name for name in names if name not in listed]
    if others is None or others:
        made["dialects"].append(_other_events(columns, others))
    return made


@lru_cache
def candidate_of(selected: Projected) -> re.Pattern[bytes] | None:
    r"""Return a pattern that every line with a selected event matches; None where any line may.

    That is a needle of the projection, or an escape ``\u00XX`` of a byte of one. Made once for
    each selection: which dialects other packages add is asked once.
    """
    needles: dict[str, None] = {}
    for part in projection_of(selected)["dialects"]:
        if part["needles"] is None:
            return None
        needles |= dict.fromkeys(part["needles"])
    if not needles:
        return re.compile(rb"(?!)")
    values = sorted({b"%02x" % byte for name in needles for byte in name.strip('"').encode()})
    literals = [re.escape(needle.encode()) for needle in needles]
    return re.compile(b"|".join([*literals, rb"\\u00(?i:%b)" % b"|".join(values)]))


def is_selected(event: Event, selection: Selection) -> bool:
    """Whether a decoded event is one of the selection's."""
    if selection.dialects is not None and event.dialect not in selection.dialects:
        return False
    if selection.event_names is None:
        return True
    # Of Tracee's events the selector's name is empty where the event has none.
    name = event.payload.get("eventName") if event.view is None else event.headers.selector.name
    return name in selection.event_names


@cache
def dialects_of(names: tuple[str, ...] | None) -> tuple[Dialect, ...] | None:
    """Return the dialects of these names; None for all."""
    if names is None:
        return None
    from illshell.dialects.loader import choose_dialects

    return tuple(choose_dialects(names))


def _other_events(columns: list[str], names: list[str] | None) -> dict[str, Any]:
    """Return the part of a projection that has Tracee's events of these names; None for all."""
    (tracee,) = projection_dict(columns, ["sched_process_exec"], [TRACEE])["dialects"]
    if names is None:
        events: list[dict[str, Any]] = [{"event": {"path": "eventName"}, "when": []}]
        return {**tracee, "needles": None, "events": events}
    events = [{"event": name, "when": [{"path": "eventName", "values": [name]}]} for name in names]
    needles = names if all(map(_NEEDLE.fullmatch, names)) else None
    return {**tracee, "needles": needles, "events": events}
