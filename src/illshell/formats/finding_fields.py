"""The columns of findings as rows of a table, for every engine that works on tables."""

from __future__ import annotations

from typing import Final

FIELDS: Final = {
    "uid": "string",
    "signature_id": "string",
    "signature_version": "string",
    "signature_name": "string",
    "severity": "int",
    "event_name": "string",
    "process_name": "string",
    "pathname": "string",
    "prev_comm": "string",
    "position": "string",
    "event": "string",
    "error": "string",
}
"""The columns and their types, as SQL names them; all may be null. They never change within a
major version of illshell.

``uid`` is the finding's own on every run and in every engine. ``position`` is where the event came
from, as JSON in the form of :mod:`illshell.model.position`, where that is known. ``event`` is the
event's JSON, as it came where it came as JSON. A row with ``error`` is no finding but an event that
could not be judged: ``error`` says why, ``event`` is what came, and ``uid``, ``signature_*`` and
``severity`` are null.
"""

DDL: Final = ", ".join(f"{name} {kind}" for name, kind in FIELDS.items())
"""The columns as SQL declares them."""
