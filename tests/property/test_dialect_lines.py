"""Lines of every dialect at random: what is extracted is of its kind, and is found by every way."""

from __future__ import annotations

import json
from typing import Any

from dialect_lines_at_random import dialect_lines, field_lists
from hypothesis import given, settings

from illshell.dialects.canonical import canonical_event
from illshell.dialects.conversion import INT64_MAX, INT64_MIN
from illshell.dialects.describe import describe_line, dialect_of
from illshell.dialects.extract import extract_line
from illshell.dialects.loader import all_dialects
from illshell.dialects.projection import compile_projection
from illshell.model.fields import column_kinds


def is_of_kind(value: Any, kind: str) -> bool:
    if value is None:
        return True
    if kind in ("int64", "time"):
        return type(value) is int and INT64_MIN <= value <= INT64_MAX
    return type(value) is {"text": str, "bool": bool}[kind]


@settings(max_examples=400)
@given(dialect_lines, field_lists)
def test_a_line_gives_values_of_their_kinds_or_none(line: bytes, fields: list[str]) -> None:
    projection = compile_projection(all_dialects(), fields)
    payload, found = extract_line(projection, line)
    assert payload == json.loads(line)
    event = canonical_event(payload)
    assert (found is None) is (event is None)
    assert describe_line(payload).isascii()
    if found is None or event is None:
        return
    assert projection.candidate().search(line)
    dialect = dialect_of(payload)
    assert dialect is not None
    assert found.dialect == event.dialect.name == dialect.name
    assert found.event == event.event_name
    assert list(found.values) == list(dict.fromkeys(fields))
    for name, kind in column_kinds(fields).items():
        assert is_of_kind(found.values[name], kind)
        assert event[name] == found.values[name]
    assert event.stand_ins(name for name in found.values if name != "event_name") == (
        found.stand_ins
    )
    assert json.loads(json.dumps(event.as_tracee()))["eventName"] == event.event_name
