"""jsonl: one JSON object a line, for programs; pure ASCII."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from illshell.formats.parts import custom_of, metadata_of, payload_of

if TYPE_CHECKING:
    from illshell.protocol import Finding


def jsonl(finding: Finding) -> bytes:
    """Write a finding with its event as it came, and where it came from.

    What Python's JSON reader takes comes back the same: lone surrogates, ``NaN``, big integers.
    """
    custom = custom_of(finding)
    record = {
        "sig_metadata": metadata_of(finding.sig_metadata),
        "event": payload_of(finding),
        "data": finding.data,
        "source": custom.get("source"),
        "offset": custom.get("offset"),
        "length": custom.get("length"),
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"
