"""jsonl: one JSON object a line, for programs; pure ASCII."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from illshell.formats.parts import metadata_of
from illshell.model.event import Event
from illshell.model.fields import PLACED_FIELDS as FIELDS

if TYPE_CHECKING:
    from illshell.model.finding import Finding


def jsonl(finding: Finding) -> bytes:
    """Return a finding with its uid, its event as it came, and where it came from.

    ``position`` is the JSON form of :mod:`illshell.model.position`, null where nothing is known.
    ``dialect`` and ``stand_ins`` are there for an event of another sensor than Tracee: which one,
    and the fields that another value stood in for.
    What Python's JSON reader takes comes back the same: lone surrogates, ``NaN``, big integers.
    """
    position = finding.position
    record = {
        "uid": finding.uid,
        "sig_metadata": metadata_of(finding.sig_metadata),
        "event": finding.payload,
        "data": finding.data,
        "position": None if position is None else position.to_json(),
        **_of_dialect(finding.event),
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _of_dialect(event: Any) -> dict[str, Any]:
    """Return what is told of an event of another sensor: its dialect, and which field stood in."""
    if not isinstance(event, Event) or event.view is None:
        return {}
    return {"dialect": event.dialect, "stand_ins": dict(event.view.stand_ins(FIELDS))}
