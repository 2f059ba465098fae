"""Statistics: what the columns of a Parquet row group may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow.parquet as pq


class RowGroupStatistics:
    """What a row group says of its columns; where it says nothing, anything may be there.

    ``chosen``: the fields, and what the file calls them.
    """

    def __init__(self, group: pq.RowGroupMetaData, chosen: Mapping[str, str]) -> None:
        by_name = {group.column(i).path_in_schema: i for i in range(group.num_columns)}
        self._chosen = chosen
        self._of = {
            field: group.column(by_name[name]).statistics
            for field, name in chosen.items()
            if name in by_name
        }

    def may_hold(self, field: str, names: Iterable[str | bytes]) -> bool:
        """Whether one of the names can be among a field's values."""
        bounds = self._bounds(field)
        if bounds is None:
            return True
        low, high = bounds
        encoded = (name.encode() if isinstance(name, str) else name for name in names)
        return any(low <= name <= high for name in encoded)

    def may_be_null(self, field: str) -> bool:
        """Whether a value of the field can be null; one that is no column is null everywhere."""
        statistics = self._of.get(field)
        return statistics is None or not statistics.has_null_count or statistics.null_count > 0

    def _bounds(self, field: str) -> tuple[bytes, bytes] | None:
        """Return the least and greatest value without the NULs that pad them; None if unknown."""
        statistics = self._of.get(field)
        if statistics is None or not statistics.has_min_max:
            return None
        try:
            low, high = (
                value.encode() if isinstance(value, str) else value
                for value in (statistics.min, statistics.max)
            )
        except UnicodeError:
            return None
        if not (isinstance(low, bytes) and isinstance(high, bytes)):
            return None
        return low.rstrip(b"\0"), high.rstrip(b"\0")
