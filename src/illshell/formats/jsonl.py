"""jsonl: one JSON object a line, for programs; pure ASCII."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from illshell.formats.parts import custom_of, metadata_of, payload_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from illshell.model.signature import Finding


def jsonl(finding: Finding) -> bytes:
    """Write a finding with its uid, its event as it came, and where it came from.

    Of Kafka that is ``source``, the topic, ``partition`` and the message's ``offset``; else the
    source's name and a byte ``offset``, and there is no ``partition``; of a columnar file ``row``
    stands in place of ``offset`` and ``length``.
    What Python's JSON reader takes comes back the same: lone surrogates, ``NaN``, big integers.
    """
    custom = custom_of(finding)
    record = {
        "uid": finding.uid,
        "sig_metadata": metadata_of(finding.sig_metadata),
        "event": payload_of(finding),
        "data": finding.data,
        "source": custom.get("topic", custom.get("source")),
        **({"partition": custom.get("partition")} if "topic" in custom else {}),
        **_place(custom),
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _place(custom: Mapping[str, Any]) -> dict[str, Any]:
    if "row" in custom:
        return {"row": custom["row"]}
    return {"offset": custom.get("offset"), "length": custom.get("length")}
