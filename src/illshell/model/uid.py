"""The uid of a finding: the same for the same event in every run, engine, reader and format.

It is a UUIDv5 of a JSON array of strings and integers, in one of three forms, the first that fits:

1. ``["event", signature id, event name, host, time, host thread id, host process id, start time]``:
   the event's own identity, Tracee's ``eventName``, ``hostName``, ``timestamp``, ``hostThreadId``,
   ``hostProcessId`` and ``threadStartTime``. It needs a name, a host, a time, and one of the two
   ids; what is missing besides is null.
2. ``["message", signature id, topic, partition, offset, line]`` where the event comes from Kafka;
   ``line`` is 0 for the first event of a message. Else ``["source", signature id, name, byte]``:
   the name of the source and the event's first byte in the decompressed stream, or
   ``["row", signature id, name, row]`` where the source is columnar.
3. ``["content", signature id, payload]``: what the event says, its keys sorted.

So one event that is sent twice has one uid, and the two events of one exec have two.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from illshell.model.signature import Event

if TYPE_CHECKING:
    from illshell.model.signature import Finding

NAMESPACE: Final = UUID("7f0a5c1e-9d64-5b0e-8a43-1016c0de1016")
"""Changing it changes every uid."""


def finding_uid(finding: Finding) -> str:
    """Give the uid of a finding, in the usual form of 36 characters."""
    event = finding.event
    payload, custom = (
        (event.payload, event.headers.custom) if isinstance(event, Event) else (event, {})
    )
    form, *values = _own(payload) or _position(custom) or ("content", payload)
    identity = [form, finding.sig_metadata.id, *values]
    return str(uuid5(NAMESPACE, json.dumps(identity, sort_keys=True, default=_plain)))


def _own(payload: Any) -> tuple[Any, ...] | None:
    if not isinstance(payload, Mapping):
        return None
    name, host = payload.get("eventName"), payload.get("hostName")
    time = _integer(payload.get("timestamp"))
    thread, process, start = (
        _integer(payload.get(key)) for key in ("hostThreadId", "hostProcessId", "threadStartTime")
    )
    is_named = isinstance(name, str) and isinstance(host, str) and name and host
    if not is_named or not time or not (thread or process):
        return None
    return "event", name, host, time, thread, process, start


def _position(custom: Mapping[str, Any]) -> tuple[Any, ...] | None:
    row, offset = _integer(custom.get("row")), _integer(custom.get("offset"))
    if row is not None and custom.get("source") is not None:
        return "row", str(custom["source"]), row
    if offset is None:
        return None
    if custom.get("topic") is not None:
        partition, line = _integer(custom.get("partition")), _integer(custom.get("line"))
        return "message", str(custom["topic"]), partition, offset, line or 0
    if custom.get("source") is not None:
        return "source", str(custom["source"]), offset
    return None


def _integer(value: Any) -> int | None:
    """Take Python's and NumPy's integers alike."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else None


def _plain(value: Any) -> Any:
    """Give a form that JSON has to what only a column gives."""
    number = _integer(value)
    if number is not None:
        return number
    return dict(value) if isinstance(value, Mapping) else str(value)
