"""Packed events for the benchmarks: the generated stream's own, as Arrow columns."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pyarrow as pa
from streams import stream_file

from illshell.names import PATHNAME, PREV_COMM

DISTINCT = 200_000
"""Events of the stream that a table repeats; far more than a branch predictor can learn."""


@cache
def _base(mix: str) -> pa.Table:
    rows: dict[str, list[str | None]] = {
        "event_name": [], "process_name": [], PATHNAME: [], PREV_COMM: []
    }  # fmt: skip
    with stream_file(mix, DISTINCT).open("rb") as lines:
        for line in lines:
            event = json.loads(line)
            arguments = {arg["name"]: arg["value"] for arg in event["args"]}
            rows["event_name"].append(event["eventName"])
            rows["process_name"].append(event["processName"])
            for name in (PATHNAME, PREV_COMM):
                value = arguments.get(name)
                rows[name].append(value if isinstance(value, str) else None)
    return pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})


def packed_events(mix: str, rows: int, comm: str = "utf8") -> pa.RecordBatch:
    """Give ``rows`` events in one batch: event names as a dictionary, the rest as ``comm`` says.

    ``comm``: ``utf8`` for utf8 comms and pathnames, ``fixed`` for comms as fixed_size_binary(16),
    ``dictionary`` for comms and pathnames as dictionaries, ``view`` for utf8_view.
    """
    base = _base(mix)
    repeats = -(-rows // len(base))
    columns: dict[str, Any] = {}
    for name in base.column_names:
        array = base.column(name).combine_chunks()
        if name == "event_name" or comm == "dictionary":
            array = array.dictionary_encode()
        elif comm == "view":
            array = array.cast(pa.string_view())
        elif comm == "fixed" and name != PATHNAME:
            padded = [
                None if v is None else v.encode().ljust(16, b"\0")[:16] for v in array.to_pylist()
            ]
            array = pa.array(padded, pa.binary(16))
        columns[name] = pa.concat_arrays([array] * repeats).slice(0, rows)
    return pa.record_batch(columns)


def events_of(mix: str, events: int) -> list[dict[str, Any]]:
    """Give the first events of the stream, decoded."""
    with stream_file(mix, DISTINCT).open("rb") as lines:
        return [json.loads(line) for line, _ in zip(lines, range(events), strict=False)]
