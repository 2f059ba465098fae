"""Pure Python: the reference implementation on what the json module decodes."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from cache import SUFFIXES, open_stream

from contenders.contender import Contender
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.signatures.illegitimate_shell.rule import RULE

Columns = dict[str, list[Any]]


def find_with(loads: Callable[[bytes], Mapping[str, Any]]) -> Callable[[Path], list[int]]:
    """Make the reference's search: every line decoded, every event judged."""

    def find(path: Path) -> list[int]:
        judge = reference.IllegitimateShell(EVENTS).matches
        found = []
        with open_stream(path) as lines:
            for line in lines:
                event = loads(line)
                if judge(event):
                    found.append(event["timestamp"])
        return found

    return find


def prepare(batch: pa.RecordBatch) -> Columns:
    """Make lists of Python objects; names lose the zeros that pad them."""
    columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
    for name, values in columns.items():
        columns[name] = [v.rstrip(b"\0") if isinstance(v, bytes) else v for v in values]
    return columns


def match(columns: Columns) -> Sequence[int]:
    fields = dict(columns)
    fields["comm"] = fields.pop("process_name")
    hits, errors = reference.Matcher(RULE).match(fields)
    assert not errors
    return hits


CONTENDERS = [
    Contender(
        "Python (the reference), json",
        f"Python {platform.python_version()}",
        find=find_with(json.loads),
        match=match,
        prepare=prepare,
        compressions=tuple(SUFFIXES),
        is_reference=True,
    )
]
