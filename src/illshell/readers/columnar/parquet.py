"""Parquet: row groups whose statistics leave room for a finding, and of these single columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from illshell.model.fields import COMM, EVENT_NAME, PREV_COMM
from illshell.model.pruning import UNKNOWN, Bounds
from illshell.readers.columnar.row_groups import RowGroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from illshell.readers.selection import Selection

_FEW_VALUES = (EVENT_NAME, COMM, PREV_COMM)


class ParquetColumns:
    """A Parquet file in memory; see :class:`illshell.readers.columnar.row_groups.ColumnarFile`.

    Columns of names that repeat are read as dictionaries, which are matched entry by entry.
    """

    def __init__(self, data: pa.Buffer, *, threads: int) -> None:
        self._data = data
        self._threads = threads
        file = pq.ParquetFile(pa.BufferReader(data))
        self._metadata = file.metadata
        self._schema = file.schema_arrow
        self.names: Sequence[str] = self._schema.names

    def row_groups(self, chosen: Mapping[str, str], selection: Selection) -> Iterator[RowGroup]:
        """Yield the row groups."""
        coded = [
            chosen[column]
            for column in _FEW_VALUES
            if column in chosen and _is_text(self._schema.field(chosen[column]).type)
        ]
        file = pq.ParquetFile(
            pa.BufferReader(self._data), metadata=self._metadata, read_dictionary=coded
        )
        total = max(self._metadata.num_rows, 1)
        done = 0
        for number in range(self._metadata.num_row_groups):
            group = self._metadata.row_group(number)
            done += group.num_rows
            bounds = _bounds_of(group, chosen)
            yield RowGroup(
                group.num_rows,
                self._reader(file, number),
                self._data.size * done // total,
                selection.event_names is None or bounds[EVENT_NAME].may_hold(selection.event_names),
                selection.may_matter(bounds),
            )

    def _reader(self, file: pq.ParquetFile, number: int) -> Any:
        def read(names: Sequence[str]) -> pa.Table:
            return file.read_row_group(number, columns=list(names), use_threads=self._threads > 1)

        return read


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _bounds_of(group: pq.RowGroupMetaData, chosen: Mapping[str, str]) -> dict[str, Bounds]:
    """Return what a row group says of its columns, by field."""
    by_name = {group.column(i).path_in_schema: i for i in range(group.num_columns)}
    return {
        column: (
            _bounds(group.column(by_name[name]).statistics, group.num_rows)
            if name in by_name
            else UNKNOWN
        )
        for column, name in chosen.items()
    }


def _bounds(statistics: pq.Statistics | None, rows: int) -> Bounds:
    if statistics is None:
        return UNKNOWN
    nulls = statistics.null_count if statistics.has_null_count else None
    low, high = _least_and_greatest(statistics)
    return Bounds(low, high, may_be_null=nulls != 0, all_null=nulls == rows)


def _least_and_greatest(statistics: pq.Statistics) -> tuple[bytes, bytes] | tuple[None, None]:
    """Return these values without the NULs that pad them; None where they are not known."""
    if not statistics.has_min_max:
        return None, None
    try:
        low, high = (
            value.encode() if isinstance(value, str) else value
            for value in (statistics.min, statistics.max)
        )
    except (ValueError, OverflowError, NotImplementedError):
        return None, None  # bounds that Python has no value for, such as a date beyond 9999
    if not (isinstance(low, bytes) and isinstance(high, bytes)):
        return None, None
    return low.rstrip(b"\0"), high.rstrip(b"\0")
