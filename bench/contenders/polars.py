"""Polars: filters by stages, the event's name first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from cache import SUFFIXES as COMPRESSIONS

from contenders.contender import LITERALS, SUFFIXES, Contender, comms
from illshell.signatures.illegitimate_shell.names import (
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)

EVENT = pl.col("event_name")
COMM = pl.col("process_name")


def ends_like_a_shell(path: Any) -> Any:
    return reduce(or_, (path.str.ends_with(suffix) for suffix in SUFFIXES))


def prepare(batch: pa.RecordBatch) -> Any:
    return pl.DataFrame(batch).with_row_index("row")


def match(table: Any, web_servers: Sequence[str] = WEB_SERVERS) -> Any:
    kind = "bytes" if table.schema["process_name"] == pl.Binary else "text"
    web, shells = comms(web_servers, kind), comms(SHELLS, kind)
    checks = (
        table.filter(EVENT == SECURITY_BPRM_CHECK)
        .filter(COMM.is_in(web))
        .filter(ends_like_a_shell(pl.col(PATHNAME).cast(pl.String)))
    )
    execs = (
        table.filter(EVENT == SCHED_PROCESS_EXEC)
        .filter(COMM.is_in(shells))
        .filter(pl.col(PREV_COMM).is_in(web))
    )
    return pl.concat([checks["row"], execs["row"]]).sort().to_numpy()


def find(path: Path) -> list[int]:
    """Lines as text; the JSON of those that hold a name is asked by path."""
    lines = pl.scan_lines(path).filter(
        pl.col("line").str.contains_any([literal.decode() for literal in LITERALS])
    )

    def value(key: str) -> Any:
        return pl.col("line").str.json_path_match(f"$.{key}")

    def argument(name: str) -> Any:
        return value(f"args[?(@.name=='{name}')].value")

    named = lines.with_columns(event_name=value("eventName"), process_name=value("processName"))
    checks = (EVENT == SECURITY_BPRM_CHECK) & COMM.is_in(WEB_SERVERS)
    execs = (EVENT == SCHED_PROCESS_EXEC) & COMM.is_in(SHELLS)
    hits = (
        named.filter(checks | execs)
        .with_columns(pathname=argument(PATHNAME), prev_comm=argument(PREV_COMM))
        .filter(
            pl.when(EVENT == SECURITY_BPRM_CHECK)
            .then(ends_like_a_shell(pl.col("pathname")))
            .otherwise(pl.col("prev_comm").is_in(WEB_SERVERS))
        )
        .select(value("timestamp").cast(pl.Int64).alias("timestamp"))
    )
    found: list[int] = hits.collect()["timestamp"].to_list()
    return found


CONTENDERS = [
    Contender(
        "Polars, staged filters",
        pl.__version__,
        find=find,
        match=match,
        prepare=prepare,
        compressions=tuple(COMPRESSIONS),
    )
]
