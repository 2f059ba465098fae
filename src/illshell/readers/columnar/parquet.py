"""Parquet: row groups whose statistics leave room for a finding, and of these single columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from illshell.readers.columnar.row_groups import Piece
from illshell.signatures.illegitimate_shell.names import SCHED_PROCESS_EXEC, SECURITY_BPRM_CHECK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from illshell._fastmatch import Matcher

_FEW_VALUES = ("event_name", "process_name", "prev_comm")


class ParquetColumns:
    """A Parquet file in memory; see :class:`illshell.readers.columnar.row_groups.ColumnarFile`.

    Columns of names that repeat are read as dictionaries, which the rule judges entry by entry.
    """

    def __init__(self, data: pa.Buffer, *, threads: int) -> None:
        self._data = data
        self._threads = threads
        file = pq.ParquetFile(pa.BufferReader(data))
        self._metadata = file.metadata
        self._schema = file.schema_arrow
        self.names: Sequence[str] = self._schema.names

    def pieces(self, chosen: Mapping[str, str], matcher: Matcher | None) -> Iterator[Piece]:
        """Give the row groups."""
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
            statistics = _Statistics(group, chosen)
            yield Piece(
                group.num_rows,
                self._reader(file, number),
                self._data.size * done // total,
                matcher is None or statistics.may_hold("event_name", matcher.events),
                matcher is None or statistics.may_matter(matcher),
            )

    def _reader(self, file: pq.ParquetFile, number: int) -> Any:
        def read(names: Sequence[str]) -> pa.Table:
            return file.read_row_group(number, columns=list(names), use_threads=self._threads > 1)

        return read


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


class _Statistics:
    """What a row group says of its columns; where it says nothing, anything may be there."""

    def __init__(self, group: pq.RowGroupMetaData, chosen: Mapping[str, str]) -> None:
        by_name = {group.column(i).path_in_schema: i for i in range(group.num_columns)}
        self._group = group
        self._chosen = chosen
        self._of = {
            column: group.column(by_name[name]).statistics
            for column, name in chosen.items()
            if name in by_name
        }

    def may_matter(self, matcher: Matcher) -> bool:
        """Say whether there can be a hit or an error: one of these names, or a null."""
        servers = list(matcher.web_servers)
        if self._may_be_null("process_name"):
            return True
        return (
            SECURITY_BPRM_CHECK in matcher.events
            and self.may_hold("event_name", [SECURITY_BPRM_CHECK])
            and self.may_hold("process_name", servers)
        ) or (
            SCHED_PROCESS_EXEC in matcher.events
            and self.may_hold("event_name", [SCHED_PROCESS_EXEC])
            and (
                "prev_comm" not in self._chosen
                or self._may_be_null("prev_comm")
                or self.may_hold("prev_comm", servers)
            )
        )

    def may_hold(self, column: str, names: Iterable[str | bytes]) -> bool:
        """Say whether one of the names can be among the values."""
        bounds = self._bounds(column)
        if bounds is None:
            return True
        low, high = bounds
        encoded = (name.encode() if isinstance(name, str) else name for name in names)
        return any(low <= name <= high for name in encoded)

    def _bounds(self, column: str) -> tuple[bytes, bytes] | None:
        """Give the least and the greatest value without the NULs that pad them; None if unknown."""
        statistics = self._of.get(column)
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

    def _may_be_null(self, column: str) -> bool:
        statistics = self._of.get(column)
        return statistics is None or not statistics.has_null_count or statistics.null_count > 0
