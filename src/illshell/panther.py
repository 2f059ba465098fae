"""TRC-1016 as a Panther rule, over Tracee's events as a custom log type.

A rule's own file needs no more than:

    from illshell.panther import alert_context, dedup, rule, severity, title

Needs nothing of Panther's, and the compiled core only where it is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from illshell.detect.detector import Detector
from illshell.dialects.tracee_event import event_of
from illshell.model.finding import Finding
from illshell.signatures.illegitimate_shell.metadata import illegitimate_shell_metadata
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    PATHNAME,
    PREV_COMM,
    SECURITY_BPRM_CHECK,
)

try:
    from illshell.signatures.illegitimate_shell.signature import IllegitimateShell
except ImportError:  # the compiled core is not there
    from illshell.signatures.illegitimate_shell.reference import (  # type: ignore[assignment]
        IllegitimateShell,
    )

_DETECTOR: Final = Detector([IllegitimateShell(EVENTS)])

_METADATA: Final = illegitimate_shell_metadata()
_SEVERITIES: Final = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
"""Panther's names for Tracee's severities 0 to 4."""


def rule(event: Mapping[str, Any]) -> bool:
    """Whether the event is a web server that spawns a shell: True or False, the builtins.

    An event that can't be judged raises, which Panther reports as an error of the rule.
    """
    verdicts = _DETECTOR.event(event_of(_payload(event)))
    for verdict in verdicts:
        if verdict.error is not None:
            raise verdict.error
    return bool(verdicts)


def title(event: Mapping[str, Any]) -> str:
    """Name the web server, the shell and the host."""
    web_server, shell = _parties(event)
    place = event.get("hostName") or "an unknown host"
    return f"{_METADATA.name}: {web_server} started {shell} on {place}"


def severity(_event: Mapping[str, Any]) -> str:
    """Return the signature's severity."""
    return _SEVERITIES[_METADATA.properties["Severity"]]


def dedup(event: Mapping[str, Any]) -> str:
    """Gather what one web server does in one place into one alert."""
    web_server, _ = _parties(event)
    return ":".join((_METADATA.id, str(event.get("hostName")), _container(event), web_server))


def alert_context(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an analyst looks at first; the event itself stays with the alert anyway."""
    payload = _payload(event)
    web_server, shell = _parties(event)
    return {
        "uid": Finding(_METADATA, payload).uid,
        "signature_id": _METADATA.id,
        "technique": _METADATA.properties["external_id"],
        "event_name": payload["eventName"],
        "web_server": web_server,
        "shell": shell,
        "host": event.get("hostName"),
        "container": _container(event),
        "process_id": event.get("hostProcessId"),
        "parent_process_id": event.get("hostParentProcessId"),
    }


def _payload(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event as plain dicts and lists.

    Panther's event is immutable, finds keys in any case, and wraps its lists, which are no lists.
    """
    to_dict = getattr(event, "to_dict", None)
    payload = dict(event) if to_dict is None else to_dict()
    named = {key: event.get(key) for key in ("eventName", "processName", "args")}
    args = named["args"]
    if isinstance(args, Sequence) and not isinstance(args, str):
        named["args"] = list(args)
    return payload | named


def _parties(event: Mapping[str, Any]) -> tuple[str, str]:
    """Return the comm of the web server and the shell that it started."""
    comm = str(event.get("processName"))
    arguments = {
        arg.get("name"): arg.get("value")
        for arg in reversed(event.get("args") or ())
        # The rule reads up to the argument that decides; what comes after it may be anything.
        if isinstance(arg, Mapping)
    }
    if event.get("eventName") == SECURITY_BPRM_CHECK:
        return comm, str(arguments.get(PATHNAME))
    return str(arguments.get(PREV_COMM)), comm


def _container(event: Mapping[str, Any]) -> str:
    container = event.get("container")
    identity = container.get("id") if isinstance(container, Mapping) else None
    return str(identity or event.get("containerId") or "")
