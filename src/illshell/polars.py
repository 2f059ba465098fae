"""The rule in Polars: ``pl.struct(...).illshell.is_hit()``, and ``hits`` for ``map_batches``.

Importing this module registers the namespace ``illshell`` for expressions. It needs Polars, which
``pip install 'illshell[polars]'`` brings.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from illshell.detect.match import match
from illshell.model.errors import ColumnError
from illshell.model.extras import import_extra
from illshell.model.rule import several
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl
else:
    pl = import_extra("polars", "polars")

NAMESPACE = "illshell"


@pl.api.register_expr_namespace(NAMESPACE)
class IllshellExpr:
    """What ``expr.illshell`` has, where the expression is a struct of the columns of events."""

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr

    def is_hit(
        self,
        *,
        events: Iterable[str] = EVENTS,
        columns: Mapping[str, str] | None = None,
        event_name: str | None = None,
        web_servers: Iterable[str] = WEB_SERVERS,
        shells: Iterable[str] = SHELLS,
    ) -> pl.Expr:
        """Whether, for each row, a web server starts a shell; Boolean, null for a row in error.

        The options are those of :func:`illshell.match`. The fields are judged where they lie, and
        only the columns in the struct are read:
        ``pl.struct("event_name", "comm", "pathname", "prev_comm").illshell.is_hit()``.
        """
        options = {
            "events": several("events", events),
            "columns": columns,
            "event_name": event_name,
            "web_servers": several("web_servers", web_servers),
            "shells": several("shells", shells),
        }
        return self._expr.map_batches(
            partial(_is_hit, options=options), return_dtype=pl.Boolean(), is_elementwise=True
        )


def hits(frame: pl.DataFrame, **options: Any) -> pl.DataFrame:
    """Return the rows in which a web server starts a shell.

    Works inside ``lazy_frame.map_batches(hits)``. ``options`` are those of :func:`illshell.match`;
    ``functools.partial(hits, event_name="security_bprm_check")`` fixes some. A row in error is left
    out; ``is_hit().is_null()`` finds these.
    """
    return frame.filter(pl.Series(match(frame, **options).mask()))


def _is_hit(series: pl.Series, *, options: Mapping[str, Any]) -> pl.Series:
    if not isinstance(series.dtype, pl.Struct):
        raise ColumnError(
            series.name, f"Polars type {series.dtype}, where pl.struct() of the columns would do"
        )
    return pl.Series(series.name, match(series.struct.unnest(), **options).mask())
