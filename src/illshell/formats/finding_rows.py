"""Findings as Arrow rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from illshell.formats.finding_fields import FIELDS
from illshell.model.event import Event
from illshell.readers.json_lines.definition import WHITESPACE
from illshell.signatures.illegitimate_shell.names import PATHNAME, PREV_COMM

if TYPE_CHECKING:
    from collections.abc import Iterable

    from illshell.detect.verdict import Verdict

_ARROW_TYPES: Final = {"string": pa.string(), "int": pa.int32()}

SCHEMA: Final = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in FIELDS.items()])
"""The columns as an Arrow schema."""


def record_batch(verdicts: Iterable[Verdict]) -> pa.RecordBatch:
    """Return verdicts as rows, in their order."""
    rows = [_error_row(each) if each.finding is None else _row(each) for each in verdicts]
    columns = zip(*rows, strict=True) if rows else [()] * len(FIELDS)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, SCHEMA.types, strict=True)]
    return pa.record_batch(arrays, schema=SCHEMA)


def _row(verdict: Verdict) -> tuple[Any, ...]:
    finding = verdict.finding
    assert finding is not None
    metadata = finding.sig_metadata
    payload = finding.tracee
    return (
        finding.uid,
        metadata.id,
        metadata.version,
        metadata.name,
        metadata.properties.get("Severity"),
        *_names(payload),
        _position(verdict),
        _json(verdict.raw, payload),
        None,
    )


def _error_row(verdict: Verdict) -> tuple[Any, ...]:
    event = verdict.event.payload if isinstance(verdict.event, Event) else verdict.event
    payload = event if isinstance(event, Mapping) else {}
    return (
        *(None,) * 5,
        *_names(payload),
        _position(verdict),
        _json(verdict.raw, payload or None),
        _text(str(verdict.error)),
    )


def _position(verdict: Verdict) -> str | None:
    return None if verdict.position is None else json.dumps(verdict.position.to_json())


def _names(payload: Mapping[str, Any]) -> tuple[str | None, ...]:
    return (
        _text(payload.get("eventName")),
        _text(payload.get("processName")),
        _text(_argument(payload, PATHNAME)),
        _text(_argument(payload, PREV_COMM)),
    )


def _argument(payload: Mapping[str, Any], name: str) -> Any:
    args = payload.get("args")
    for arg in args if isinstance(args, (list, tuple)) else ():
        if isinstance(arg, Mapping) and arg.get("name") == name:
            return arg.get("value")
    return None


def _json(raw: bytes | None, payload: Mapping[str, Any] | None) -> str | None:
    """Return the event's own bytes where there are any, else its payload; text in any case."""
    if raw is not None:
        return raw.strip(WHITESPACE).decode("utf-8", "replace")
    return None if payload is None else json.dumps(payload, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    """Write what JSON has no form for: times as ISO 8601, bytes as text, others as Python does."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value)


def _text(value: Any) -> str | None:
    """Return a string without lone surrogates, which no column of text can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
