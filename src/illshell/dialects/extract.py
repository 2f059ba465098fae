"""The reference of the field extraction: what a decoded line says, by the projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from illshell.dialects import conversion
from illshell.dialects.paths import ABSENT, resolve
from illshell.model.fields import EVENT_NAME
from illshell.readers.json_lines.definition import decode_event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from illshell.dialects.dialect import Location, Scalar
    from illshell.dialects.projection import DialectProjection, Projection


@dataclass(frozen=True, slots=True)
class Extracted:
    """The wanted fields of one event.

    ``values`` has each column of the projection, None where the event has no such value.
    ``stand_ins`` has, for each field that another value of the sensor stands in for, where that
    lies and why it may.
    """

    dialect: str
    event: str
    values: Mapping[str, Any]
    stand_ins: Mapping[str, str]


def extract_line(
    projection: Projection, line: bytes, *, strict: bool = False
) -> tuple[dict[str, Any], Extracted | None]:
    """Decode a trimmed line of JSON; return it and the wanted fields, None if it is not wanted.

    InvalidLineError where the line is no JSON object, or, with ``strict``, has duplicate keys.
    """
    payload = decode_event(line, strict=strict)
    return payload, extract(projection, payload)


def extract(projection: Projection, payload: Mapping[str, Any]) -> Extracted | None:
    """Return the wanted fields of a decoded line, None where it is no wanted event."""
    for dialect in projection.dialects:
        form = next((form for form in dialect.events if form.holds(payload)), None)
        if form is not None:
            return None if form.event is None else _fill(projection, dialect, form.event, payload)
    return None


def _fill(
    projection: Projection, dialect: DialectProjection, event: str, payload: Mapping[str, Any]
) -> Extracted:
    values: dict[str, Any] = {}
    stand_ins: dict[str, str] = {}
    for column in projection.columns:
        name = column.name
        if name == EVENT_NAME:
            values[name] = event
            continue
        values[name], stand_in = extract_field(
            payload,
            dialect.fields.get(name, ()),
            column.kind,
            dialect.missing.get(name, ()),
            dialect.default.get(name),
        )
        if stand_in is not None:
            stand_ins[name] = stand_in
    return Extracted(dialect.name, event, values, stand_ins)


def extract_field(
    payload: Any,
    locations: Sequence[Location],
    kind: str,
    missing: Sequence[Scalar] = (),
    default: str | None = None,
) -> tuple[Any, str | None]:
    """Return a field's value, None for null, and what stood in for it, None for the field itself.

    The first location that leads to a value decides; where none does, it is the default.
    """
    for location in locations:
        found = resolve(payload, location.path)
        if found is ABSENT:
            continue
        value = convert(found, location, kind, missing)
        if value is None or location.stands_in is None:
            return value, None
        return value, f"{location.path}: {location.stands_in}"
    return default, None


def convert(value: Any, location: Location, kind: str, missing: Sequence[Scalar] = ()) -> Any:
    """Return the value that JSON's value has in a column; None for null.

    ``missing``: values, before a derivation, that say that there is none.
    """
    if location.derive is not None:
        if not isinstance(value, str) or value in missing:
            return None
        return conversion.DERIVATIONS[location.derive][1](value)
    converted: Any
    if kind == "text":
        whole = location.path.is_whole
        converted = conversion.as_text(value) if whole or isinstance(value, str) else None
    elif kind == "int64":
        converted = conversion.as_integer(value, text=location.text_integer)
    elif kind == "bool":
        converted = conversion.as_bool(value)
    else:
        assert location.unit is not None
        converted = conversion.as_time(value, location.unit, text=location.text_integer)
    return None if converted in missing else converted
