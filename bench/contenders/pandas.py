"""pandas: columns by stages on Arrow's types, JSON lines in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from contenders.contender import SUFFIXES, Contender, comms, hit
from contenders.pyarrow import without_views
from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)

CHUNK = 20_000


def prepare(batch: pa.RecordBatch) -> Any:
    return without_views(batch).to_pandas(types_mapper=pd.ArrowDtype)


def match(frame: Any) -> Any:
    web, shells = (names_like(frame["process_name"], names) for names in (WEB_SERVERS, SHELLS))
    checks = frame[frame["event_name"] == SECURITY_BPRM_CHECK]
    checks = checks[checks["process_name"].isin(web)]
    checks = checks[text(checks[PATHNAME]).str.endswith(SUFFIXES)]
    execs = frame[frame["event_name"] == SCHED_PROCESS_EXEC]
    execs = execs[execs["process_name"].isin(shells)]
    execs = execs[execs[PREV_COMM].isin(web)]
    return np.sort(np.concatenate([checks.index, execs.index]))


def names_like(column: Any, names: Sequence[str]) -> Any:
    """Give names as the column holds them; of a list, NumPy would cut the zeros off."""
    if "binary" in str(column.dtype):
        return pd.array(comms(names, "bytes"), dtype=column.dtype)
    return names


def text(column: Any) -> Any:
    return column.astype(pd.ArrowDtype(pa.string()))


def find(path: Path) -> list[int]:
    found: list[int] = []
    reader = pd.read_json(path, lines=True, chunksize=CHUNK, dtype=False)
    with reader as chunks:
        for chunk in chunks:
            wanted = chunk[chunk["eventName"].isin(EVENTS)]
            columns = ["timestamp", "eventName", "processName", "args"]
            found += [
                int(event["timestamp"])
                for event in wanted[columns].to_dict("records")
                if hit(event)
            ]
    return found


CONTENDERS = [
    Contender("pandas, read_json in chunks", pd.__version__, find=find),
    Contender("pandas, staged filters", pd.__version__, match=match, prepare=prepare),
]
