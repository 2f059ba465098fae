"""raw: the object that tracee-rules printed with its rawjson.tmpl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from illshell.formats.parts import go_json_line, sorted_by_key

if TYPE_CHECKING:
    from illshell.model.finding import Finding


def raw(finding: Finding) -> bytes:
    """Write Data, Context (the event) and SigMetadata under Go's names, then UID, which is ours."""
    metadata = finding.sig_metadata
    record = {
        "Data": finding.data,
        "Context": finding.tracee,
        "SigMetadata": {
            "ID": metadata.id,
            "Version": metadata.version,
            "Name": metadata.name,
            "EventName": metadata.event_name,
            "Description": metadata.description,
            "Tags": metadata.tags,
            "Properties": sorted_by_key(metadata.properties),
        },
        "UID": finding.uid,
    }
    return go_json_line(record)
