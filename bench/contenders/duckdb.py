"""DuckDB: on JSON lines as objects and as typed columns, on a table of its own and on Arrow's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from cache import SUFFIXES as COMPRESSIONS

from contenders.contender import LITERALS, SUFFIXES, Contender, comms
from illshell.signatures.illegitimate_shell.names import (
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
)
from illshell.signatures.illegitimate_shell.names import WEB_SERVERS as WEB


def connection() -> Any:
    return duckdb.connect(config={"threads": 1})


def listed(values: list[str] | list[bytes]) -> str:
    return ", ".join(
        f"'{each}'"
        if isinstance(each, str)
        else "'" + "".join(f"\\x{byte:02X}" for byte in each) + "'::BLOB"
        for each in values
    )


def rule(pathname: str, prev_comm: str, kind: str = "text") -> str:
    """Write the rule on columns event_name and process_name."""
    web, shells = listed(comms(WEB, kind)), listed(comms(SHELLS, kind))
    ends = " OR ".join(f"suffix({pathname}, '{suffix}')" for suffix in SUFFIXES)
    return f"""(event_name = '{SECURITY_BPRM_CHECK}' AND process_name IN ({web}) AND ({ends}))
        OR (event_name = '{SCHED_PROCESS_EXEC}' AND process_name IN ({shells})
            AND {prev_comm} IN ({web}))"""


def argument(args: str, name: str, value: str) -> str:
    return f"list_filter({args}, lambda arg: arg.name = '{name}')[1].{value}"


def find_in(source: str, args: str) -> Callable[[Path], list[int]]:
    """Make a search of a query's rows; ``args`` is its list of arguments, their values JSON."""
    pathname, prev_comm = (argument(args, name, "value->>'$'") for name in (PATHNAME, PREV_COMM))

    def find(path: Path) -> list[int]:
        query = f"""WITH events AS ({source.format(path=path)})
            SELECT timestamp FROM events WHERE {rule(pathname, prev_comm)}"""
        return [row[0] for row in connection().sql(query).fetchall()]

    return find


ARGS = "STRUCT(name VARCHAR, value JSON)[]"
CONTAINS = " OR ".join(f"contains(json, '{literal.decode()}')" for literal in LITERALS)
AS_OBJECTS = f"""SELECT (json->>'timestamp')::BIGINT AS timestamp,
    json->>'eventName' AS event_name, json->>'processName' AS process_name,
    from_json(json->'args', '[{{{{"name":"VARCHAR","value":"JSON"}}}}]') AS args
    FROM read_ndjson_objects('{{path}}', maximum_object_size=16777216) WHERE {CONTAINS}"""
AS_COLUMNS = f"""SELECT timestamp, eventName AS event_name, processName AS process_name, args
    FROM read_ndjson('{{path}}', maximum_object_size=16777216, columns={{{{
        timestamp: 'BIGINT', eventName: 'VARCHAR', processName: 'VARCHAR', args: '{ARGS}'}}}})"""


class Table:
    """A table in a connection of its own."""

    def __init__(self, batch: pa.RecordBatch, *, native: bool) -> None:
        comm = batch.schema.field("process_name").type
        self.kind = "bytes" if pa.types.is_fixed_size_binary(comm) else "text"
        self.connection = connection()
        row = pa.array(np.arange(len(batch), dtype=np.int32))
        arrow = pa.Table.from_batches([batch]).append_column("row", row)
        self.connection.register("arrow", arrow)
        self.name = "arrow"
        if native:
            self.connection.execute("CREATE TABLE native AS SELECT * FROM arrow")
            self.name = "native"

    def match(self) -> Any:
        condition = rule(PATHNAME, PREV_COMM, self.kind)
        query = f'SELECT "row" FROM {self.name} WHERE {condition} ORDER BY 1'
        return self.connection.execute(query).fetchnumpy()["row"]


CONTENDERS = [
    Contender(
        "DuckDB, objects",
        duckdb.__version__,
        find=find_in(AS_OBJECTS, "args"),
        compressions=tuple(COMPRESSIONS),
    ),
    Contender(
        "DuckDB, typed columns",
        duckdb.__version__,
        find=find_in(AS_COLUMNS, "args"),
        compressions=tuple(COMPRESSIONS),
    ),
    Contender(
        "DuckDB, its own table",
        duckdb.__version__,
        match=Table.match,
        prepare=lambda batch: Table(batch, native=True),
    ),
    Contender(
        "DuckDB on Arrow",
        duckdb.__version__,
        match=Table.match,
        prepare=lambda batch: Table(batch, native=False),
    ),
]
