"""Arrow IPC: batches of a file or a stream in memory, views of it unless they are compressed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from illshell.readers.columnar.row_groups import RowGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from illshell.readers.selection import Selection


class ArrowFile:
    """An Arrow IPC file in memory; see ``row_groups.ColumnarFile``."""

    def __init__(self, data: pa.Buffer, *, threads: int) -> None:
        self._data = data
        self._threads = threads
        self._all = pa.ipc.open_file(
            pa.BufferReader(data), options=pa.ipc.IpcReadOptions(use_threads=threads > 1)
        )
        self.names: Sequence[str] = self._all.schema.names

    def row_groups(self, chosen: Mapping[str, str], _selection: Selection) -> Iterator[RowGroup]:
        """Yield the record batches."""
        options = _only(self._all.schema, chosen, self._threads)
        narrow = pa.ipc.open_file(pa.BufferReader(self._data), options=options)
        for number in range(narrow.num_record_batches):
            batch = narrow.get_batch(number)
            end = self._data.size * (number + 1) // narrow.num_record_batches
            yield _row_group(batch, partial(self._all.get_batch, number), end)


class ArrowStream:
    """An Arrow IPC stream in memory; see ``row_groups.ColumnarFile``."""

    def __init__(self, data: pa.Buffer, *, threads: int) -> None:
        self._data = data
        self._threads = threads
        self._schema = pa.ipc.open_stream(pa.BufferReader(data)).schema
        self.names: Sequence[str] = self._schema.names

    def row_groups(self, chosen: Mapping[str, str], _selection: Selection) -> Iterator[RowGroup]:
        """Yield the record batches."""
        source = pa.BufferReader(self._data)
        narrow = pa.ipc.open_stream(source, options=_only(self._schema, chosen, self._threads))
        whole = _Follower(self._data)
        for number, batch in enumerate(narrow):
            yield _row_group(batch, partial(whole.batch, number), source.tell())


class _Follower:
    """Reads all columns of a batch, and for that all batches before it; none before it is asked."""

    def __init__(self, data: pa.Buffer) -> None:
        self._data = data
        self._reader: Any = None
        self._next = 0
        self._last: pa.RecordBatch | None = None

    def batch(self, number: int) -> pa.RecordBatch:
        if self._reader is None:
            self._reader = pa.ipc.open_stream(pa.BufferReader(self._data))
        while self._next <= number:
            self._last = self._reader.read_next_batch()
            self._next += 1
        return self._last


def _only(schema: pa.Schema, chosen: Mapping[str, str], threads: int) -> pa.ipc.IpcReadOptions:
    fields = sorted(schema.names.index(name) for name in chosen.values())
    return pa.ipc.IpcReadOptions(included_fields=fields, use_threads=threads > 1)


def _row_group(batch: pa.RecordBatch, whole: Callable[[], pa.RecordBatch], end: int) -> RowGroup:
    # Checks that the buffers are as long as the rows ask for. What lies in them is checked where it
    # is read: by the core, and for other columns by whoever takes a value out.
    batch.validate()

    def read(names: Sequence[str]) -> pa.Table:
        source = batch if set(names) <= set(batch.schema.names) else whole()
        return pa.Table.from_batches([source.select(list(names))])

    return RowGroup(batch.num_rows, read, end)
