"""pyarrow.compute: filters by stages. Its JSON reader takes no argument lists of mixed types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contenders.contender import SUFFIXES, Contender, comms
from illshell.signatures.illegitimate_shell.names import (
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)

CANNOT = {
    "pyarrow.json": "an argument's value may be a number, a string or an object, and its reader "
    "wants one type: `Column(/args/[]/value) changed from string to number`"
}
LIKE_A_SHELL = f"({'|'.join(SUFFIXES)})$"


def without_views(batch: pa.RecordBatch) -> pa.Table:
    """Give string views as strings, since a table with views can't be filtered."""
    table = pa.Table.from_batches([batch])
    for index, field in enumerate(batch.schema):
        if field.type == pa.string_view():
            table = table.set_column(index, field.name, table[index].cast(pa.string()))
    return table


def prepare(batch: pa.RecordBatch) -> pa.Table:
    return without_views(batch).append_column("row", pa.array(np.arange(len(batch))))


def named(table: pa.Table, column: str, names: tuple[str, ...]) -> pa.Table:
    """Keep the rows whose comm is one of the names."""
    comm = table[column]
    wanted = comm.type.value_type if pa.types.is_dictionary(comm.type) else comm.type
    kind = "bytes" if pa.types.is_fixed_size_binary(wanted) else "text"
    return table.filter(pc.is_in(comm, pa.array(comms(names, kind), wanted)))


def match(table: pa.Table) -> Any:
    checks = table.filter(pc.equal(table["event_name"], SECURITY_BPRM_CHECK))
    checks = named(checks, "process_name", WEB_SERVERS)
    checks = checks.filter(pc.match_substring_regex(checks[PATHNAME].cast("string"), LIKE_A_SHELL))
    execs = table.filter(pc.equal(table["event_name"], SCHED_PROCESS_EXEC))
    execs = named(named(execs, "process_name", SHELLS), PREV_COMM, WEB_SERVERS)
    rows = pa.concat_tables([checks.select(["row"]), execs.select(["row"])])
    return rows.sort_by("row")["row"].to_numpy()


CONTENDERS = [
    Contender("pyarrow.compute, staged filters", pa.__version__, match=match, prepare=prepare)
]
