"""tracee: the finding as the event that Tracee v0.24 prints for it.

Source: aquasecurity/tracee, ``pkg/events/findings`` and ``types/trace/trace.go`` (v0.24.1).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from illshell.formats.parts import go_json_line, sorted_by_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from illshell.model.finding import Finding

EVENT_ID: Final = "6024"
"""The id of illegitimate_shell in every Tracee that has only its own signatures loaded."""

KEYS: Final = (
    "timestamp",
    "threadStartTime",
    "processorId",
    "processId",
    "cgroupId",
    "threadId",
    "parentProcessId",
    "hostProcessId",
    "hostThreadId",
    "hostParentProcessId",
    "userId",
    "mountNamespace",
    "pidNamespace",
    "processName",
    "executable",
    "hostName",
    "containerId",
    "container",
    "kubernetes",
    "eventId",
    "eventName",
    "matchedPolicies",
    "argsNum",
    "returnValue",
    "syscall",
    "stackAddresses",
    "contextFlags",
    "threadEntityId",
    "processEntityId",
    "parentEntityId",
    "args",
    "metadata",
)
"""Keys of an event in the order in which Tracee prints them."""

_EVENT_ID = re.compile(r"-?[0-9]{1,19}", re.ASCII)


def tracee(finding: Finding) -> bytes:
    """Write the finding as an event; see :func:`finding_event`."""
    return go_json_line(finding_event(finding))


def finding_event(finding: Finding) -> dict[str, Any]:
    """Make the finding's event: the trigger's, with id, name, args and metadata of the finding.

    ``metadata.Properties`` has one key more than Tracee's: ``uid``.
    A trigger of another vintage keeps its own keys in their order; what it lacks of the finding's
    keys goes where Tracee prints it.
    """
    trigger = finding.tracee
    args = [
        {"name": name, "type": "unknown", "value": value}
        for name, value in (finding.data or {}).items()
    ]
    if trigger.get("args"):
        args.append({"name": "detectedFrom", "type": "unknown", "value": _detected_from(trigger)})
    return _with(
        trigger,
        {
            "eventId": EVENT_ID,
            "eventName": finding.sig_metadata.event_name,
            "argsNum": len(args),
            "args": args,
            "metadata": _metadata(finding),
        },
    )


def _detected_from(trigger: Mapping[str, Any]) -> dict[str, Any]:
    identity = trigger.get("eventId", 0)
    if isinstance(identity, str) and _EVENT_ID.fullmatch(identity):
        identity = int(identity)
    return {
        "args": trigger["args"],
        "id": identity,
        "name": trigger.get("eventName"),
        "returnValue": trigger.get("returnValue", 0),
    }


def _metadata(finding: Finding) -> dict[str, Any]:
    metadata = finding.sig_metadata
    properties = metadata.properties | {
        "signatureID": metadata.id,
        "signatureName": metadata.name,
        "uid": finding.uid,
    }
    return {
        "Version": metadata.version,
        "Description": metadata.description,
        "Tags": metadata.tags,
        "Properties": sorted_by_key(properties),
    }


def _with(trigger: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    items = [(key, own.get(key, value)) for key, value in trigger.items()]
    for key, value in own.items():
        if key not in trigger:
            items.insert(_place([present for present, _ in items], key), (key, value))
    return dict(items)


def _place(present: Sequence[str], key: str) -> int:
    """Find where a key goes: before the first that Tracee prints after it, else after the last."""
    at = KEYS.index(key)
    after = [index for index, other in enumerate(present) if other in KEYS[at:]]
    before = [index + 1 for index, other in enumerate(present) if other in KEYS[:at]]
    return min(after, default=max(before, default=len(present)))
