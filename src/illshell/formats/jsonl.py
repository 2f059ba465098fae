"""jsonl: one JSON object a line, for programs; pure ASCII."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from illshell.formats.parts import metadata_of

if TYPE_CHECKING:
    from illshell.model.finding import Finding


def jsonl(finding: Finding) -> bytes:
    """Return a finding with its uid, its event as it came, and where it came from.

    ``position`` is the JSON form of :mod:`illshell.model.position`, null where nothing is known.
    What Python's JSON reader takes comes back the same: lone surrogates, ``NaN``, big integers.
    """
    position = finding.position
    record = {
        "uid": finding.uid,
        "sig_metadata": metadata_of(finding.sig_metadata),
        "event": finding.payload,
        "data": finding.data,
        "position": None if position is None else position.to_json(),
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
