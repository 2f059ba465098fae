"""The rule as a function in DuckDB's SQL, over whole vectors of rows.

It needs DuckDB and pyarrow, which ``pip install 'illshell[duckdb]'`` brings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from illshell._fastmatch import Matcher
from illshell.batch.arrow import event_batches
from illshell.detect.match import match_batches
from illshell.model.extras import import_extra
from illshell.model.fields import COMM, EVENT_NAME, PATHNAME, PREV_COMM
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from duckdb import DuckDBPyConnection

FUNCTION: Final = "illshell_match"
"""Name of the SQL function, unless the caller gives another."""

_COLUMNS: Final = (EVENT_NAME, COMM, PATHNAME, PREV_COMM)


def register(
    connection: DuckDBPyConnection,
    name: str = FUNCTION,
    *,
    events: Iterable[str] = EVENTS,
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> None:
    """Create ``illshell_match(event, comm, pathname, prev_comm)`` for a connection.

    The arguments are VARCHAR; the result is BOOLEAN, and NULL for a row that the rule can't read
    because an argument that it needs is NULL. ``events``, ``web_servers`` and ``shells`` are as in
    :func:`illshell.match`. DuckDB calls the function from several threads, which is safe.
    """
    func = import_extra("duckdb.func", "duckdb")
    pa = import_extra("pyarrow", "duckdb")
    matcher = Matcher(illegitimate_shell_rule(events, web_servers=web_servers, shells=shells))

    def illshell_match(event: Any, comm: Any, pathname: Any, prev_comm: Any) -> Any:
        table = pa.table([event, comm, pathname, prev_comm], names=_COLUMNS)
        return pa.array(match_batches(matcher, event_batches(table)).mask())

    connection.create_function(
        name,
        illshell_match,
        ["VARCHAR"] * len(_COLUMNS),
        "BOOLEAN",
        type=func.ARROW,
        null_handling=func.SPECIAL,
    )
