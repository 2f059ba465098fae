"""What the columns of a batch are called in other people's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from illshell.model.errors import ColumnError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KNOWN_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "event_name": ("event_name", "eventName"),
    "process_name": ("process_name", "processName", "comm"),
    "pathname": ("pathname",),
    "prev_comm": ("prev_comm", "prevComm"),
    "record": ("record",),
}
"""Each column of an EventBatch, and the names it is known by where the caller gives none."""

REQUIRED: Final = ("event_name", "process_name")
"""The columns that an EventBatch can't do without."""


def choose_columns(
    names: Sequence[str], columns: Mapping[str, str], event_name: str | None = None
) -> dict[str, str]:
    """Find which of the names is which column of a batch.

    ``columns``: names that the caller gives. ``event_name``: the name of every row, in place of a
    column. Raises ColumnError for a column that is missing or twice.
    """
    if event_name is not None and "event_name" in columns:
        raise ColumnError("event_name", "given as a column and as the name of every row")
    for column in columns:
        if column not in KNOWN_NAMES:
            raise ColumnError(column, f"an EventBatch has none; it has {', '.join(KNOWN_NAMES)}")
    chosen = {}
    for column, known in KNOWN_NAMES.items():
        if column == "event_name" and event_name is not None:
            continue
        wanted = (columns[column],) if column in columns else known
        found = next((name for name in wanted if name in names), None)
        if found is None:
            if column in columns or column in REQUIRED:
                raise ColumnError(
                    column,
                    f"missing: nothing is called {' or '.join(wanted)}; "
                    f"there is {', '.join(names) or 'nothing'}",
                )
            continue
        if names.count(found) > 1:
            raise ColumnError(column, f"{names.count(found)} columns are called {found}")
        chosen[column] = found
    return chosen
