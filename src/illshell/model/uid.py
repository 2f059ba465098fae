"""The uid of a finding: the same for the same event in every run, engine, reader and format.

It is a UUIDv5 of a JSON array of strings and integers, in one of two forms, the first that fits:

1. ``["event", signature id, event name, host, time, host thread id, host process id, start time]``:
   the event's own identity, Tracee's ``eventName``, ``hostName``, ``timestamp``, ``hostThreadId``,
   ``hostProcessId`` and ``threadStartTime``, each in the form of its field's kind. It needs a name,
   a host, a time, and one of the two ids; what is missing besides is null.
2. ``["content", signature id, position, payload]``: where the event came from, as
   :meth:`illshell.model.position.Position.to_json` has it (null where that is not known,
   or where the source can't be read again), and what
   it says, keys sorted.

So one event that is sent twice has one uid, the two events of one exec have two, and two events
that say other things never share one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from illshell.model.fields import FIELDS, normalized

if TYPE_CHECKING:
    from illshell.model.finding import Finding

NAMESPACE: Final = UUID("7f0a5c1e-9d64-5b0e-8a43-1016c0de1016")
"""Changing it changes every uid."""

_IDENTITY: Final = tuple(
    (str(FIELDS[name].key), FIELDS[name].kind)
    for name in ("event_name", "host", "time", "tid", "pid", "start_time")
)


def finding_uid(finding: Finding) -> str:
    """Return the uid of a finding, in the usual form of 36 characters."""
    payload = finding.tracee
    form, *values = _own(payload) or _content(finding)
    identity = [form, finding.sig_metadata.id, *values]
    return str(uuid5(NAMESPACE, json.dumps(identity, sort_keys=True, default=_plain)))


def _own(payload: Mapping[str, Any]) -> tuple[Any, ...] | None:
    name, host, time, thread, process, start = (
        normalized(payload.get(key), kind) for key, kind in _IDENTITY
    )
    if not (name and host and time and (thread or process)):
        return None
    return "event", name, host, time, thread, process, start


def _content(finding: Finding) -> tuple[Any, ...]:
    position = finding.position
    place = position.to_json() if position is not None and position.is_durable else None
    return "content", place, finding.payload


def _plain(value: Any) -> Any:
    """Return a form that JSON has for what only a column holds."""
    if isinstance(value, Mapping):
        return dict(value)
    number = normalized(value, FIELDS["pid"].kind)
    return str(value) if number is None else number
