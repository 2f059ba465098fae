"""Packed events for the benchmarks: the generated stream's own, as Arrow columns."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from cache import expected, stream_file, unfinished
from generator import MIXES, Mix
from numpy.typing import NDArray

from illshell.signatures.illegitimate_shell.names import PATHNAME, PREV_COMM

DISTINCT: Final = 200_000
"""Events of the stream that a table repeats; far more than a branch predictor can learn."""

LAYOUTS: Final = ("utf8", "fixed", "dictionary", "view")


@cache
def _base(mix: Mix, distinct: int) -> pa.Table:
    """Give the stream's events as columns, decoded once and kept beside it."""
    stream = stream_file(mix, distinct)
    path = stream.with_suffix(".arrow")
    if not path.exists():
        table = _decoded(stream)
        with unfinished(path) as out, pa.ipc.new_file(out, table.schema) as file:
            file.write_table(table)
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _decoded(stream: Path) -> pa.Table:
    rows: dict[str, list[str | None]] = {
        "event_name": [],
        "process_name": [],
        PATHNAME: [],
        PREV_COMM: [],
    }
    with stream.open("rb") as lines:
        for line in lines:
            event = json.loads(line)
            arguments = {arg["name"]: arg["value"] for arg in event["args"]}
            rows["event_name"].append(event["eventName"])
            rows["process_name"].append(event["processName"])
            for name in (PATHNAME, PREV_COMM):
                value = arguments.get(name)
                rows[name].append(value if isinstance(value, str) else None)
    return pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})


def packed_events(
    mix: str | Mix, rows: int, comm: str = "utf8", distinct: int = DISTINCT
) -> pa.RecordBatch:
    """Give ``rows`` events in one batch: event names as a dictionary, the rest as ``comm`` says.

    ``comm``: ``utf8`` for utf8 comms and pathnames, ``fixed`` for comms as fixed_size_binary(16),
    ``dictionary`` for comms and pathnames as dictionaries, ``view`` for utf8_view.
    """
    distinct = min(distinct, rows)
    base = _base(MIXES[mix] if isinstance(mix, str) else mix, distinct)
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


def expected_rows(mix: str, rows: int, distinct: int = DISTINCT) -> NDArray[np.int64]:
    """Give the rows of :func:`packed_events` that the rule must find."""
    distinct = min(distinct, rows)
    hits = np.array([hit.row for hit in expected(stream_file(mix, distinct))], np.int64)
    starts = np.arange(0, rows, distinct, dtype=np.int64)
    all_rows = (starts[:, None] + hits).ravel()
    return all_rows[all_rows < rows]


def events_of(mix: str, events: int) -> list[dict[str, Any]]:
    """Give the first events of the stream, decoded."""
    with stream_file(mix, events).open("rb") as lines:
        return [json.loads(line) for line in lines]
