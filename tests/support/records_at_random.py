"""Strategies for Tracee's packed records: whole ones of every release, and damaged ones."""

from __future__ import annotations

from typing import Any

from columns_at_random import comms, pathnames
from hypothesis import strategies as st

from illshell.dialects.tracee_ebpf.codec import encode_record
from illshell.dialects.tracee_ebpf.layouts import (
    ARGS_ARRAY,
    CONTEXT,
    LAYOUTS,
    STRING,
    STRING_ARRAY,
    Argument,
    RecordLayout,
)
from illshell.signatures.illegitimate_shell.names import PATHNAME, PREV_COMM

layouts = st.sampled_from(list(LAYOUTS))

_INTEGERS = {
    "<B": st.integers(0, 2**8 - 1),
    "<H": st.integers(0, 2**16 - 1),
    "<i": st.integers(-(2**31), 2**31 - 1),
    "<I": st.integers(0, 2**32 - 1),
    "<q": st.integers(-(2**63), 2**63 - 1),
    "<Q": st.integers(0, 2**64 - 1),
    "<?": st.booleans(),
}
_strings = st.lists(st.binary(max_size=9).map(lambda value: value.replace(b"\0", b"x")), max_size=4)


def _value(argument: Argument) -> st.SearchStrategy[Any]:
    if argument.kind in (STRING_ARRAY, ARGS_ARRAY):
        return _strings
    if argument.kind is STRING:
        return {PATHNAME: pathnames, PREV_COMM: comms}.get(argument.name, st.binary(max_size=9))
    assert argument.kind.form is not None
    return _INTEGERS[argument.kind.form.format]


@st.composite
def events(draw: st.DrawFn, layout: RecordLayout) -> dict[str, Any]:
    """Give the payload of one of the two events; any argument may be missing."""
    name = draw(st.sampled_from(list(layout.arguments)))
    left_out = draw(st.sets(st.sampled_from(layout.arguments[name]), max_size=2))
    payload: dict[str, Any] = {
        "eventName": name,
        "processorId": draw(_INTEGERS["<H"]),
        "contextFlags": {
            "containerStarted": draw(st.booleans()),
            "isCompat": draw(st.booleans()),
        },
        "args": [
            {
                "name": argument.name,
                "type": argument.kind.go_type if layout.go_types else argument.kind.c_type,
                "value": draw(_value(argument)),
            }
            for argument in layout.arguments[name]
            if argument not in left_out
        ],
    }
    for key, form in CONTEXT.items():
        payload[key] = draw(comms if form == "16s" else _INTEGERS["<" + form])
    if layout.return_value_at is not None:
        payload["returnValue"] = draw(_INTEGERS["<q"])
    return payload


@st.composite
def damaged(draw: st.DrawFn, record: bytes) -> bytes:
    """Give the record with a few bytes changed, cut off, or both."""
    changed = bytearray(record)
    for at in draw(st.lists(st.integers(0, len(record) - 1), max_size=3)):
        changed[at] = draw(st.sampled_from([0, 1, 2, 16, 127, 128, 255]))
    return bytes(changed[: draw(st.integers(0, len(record)))]) if draw(st.booleans()) else changed


@st.composite
def records(draw: st.DrawFn, layout: RecordLayout) -> list[bytes]:
    """Give a few records: whole, damaged, of other events, and mere bytes."""
    whole = events(layout).map(lambda event: encode_record(event, layout))
    others = whole.map(lambda record: record[: layout.event_id_at] + b"\1" + record[97:])
    one = whole | whole.flatmap(damaged) | others | st.binary(max_size=200)
    return [bytes(record) for record in draw(st.lists(one, max_size=6))]


def text(value: Any) -> Any:
    """Give an argument's value, drawn as bytes, as the codec decodes it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return [text(each) for each in value] if isinstance(value, list) else value
