"""EventBatch from Arrow data: whatever speaks the Arrow PyCapsule interface, without a copy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from nanoarrow import c_array, c_array_stream

from illshell._fastmatch import Column
from illshell.batch.cells import arrow_cells
from illshell.batch.event_batch import JUDGED, TEXTS, EventBatch
from illshell.model.errors import ColumnError
from illshell.model.fields import COMM, EVENT_NAME, choose_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nanoarrow.c_array import CArray, CArrayView
    from nanoarrow.c_schema import CSchema

    from illshell.batch.event_batch import ColumnSource
    from illshell.model.position import Position


class ArrowArrayExportable(Protocol):
    """An object that exports an Arrow array."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Export schema and array as PyCapsules."""


class ArrowStreamExportable(Protocol):
    """An object that exports a stream of Arrow arrays."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the stream as a PyCapsule."""


_OFFSETS = {
    "string": False,
    "binary": False,
    "large_string": True,
    "large_binary": True,
}
_VIEWS = ("string_view", "binary_view")
_INDEX_BYTES = {
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
}
_WANTED = (
    "utf8, large_utf8, utf8_view, binary, large_binary, binary_view, fixed_size_binary, "
    "or a dictionary of one of these"
)


def event_batches(
    data: ArrowArrayExportable | ArrowStreamExportable,
    columns: Mapping[str, str] | None = None,
    event_name: str | None = None,
) -> Iterator[EventBatch]:
    """Yield the batches of Arrow data, each a view of the producer's memory.

    ``data``: has ``__arrow_c_stream__`` or ``__arrow_c_array__`` (pyarrow, Polars, pandas, DuckDB,
    nanoarrow, ...). ``columns``: what the data calls the columns of an EventBatch, where that is
    none of :data:`illshell.model.fields.FIELDS`, such as ``{"comm": "task"}``.
    ``event_name``: the name of every row, in place of a column. Raises ColumnError for a column
    that is missing or of a type that holds no names. What the producer's stream raises comes out
    here. Each capsule is released once, at the end, by ``close`` of the iterator, or by an error.
    """
    # Only what is no stream goes through c_array: nanoarrow can't make a stream of string views.
    if not hasattr(data, "__arrow_c_stream__"):
        yield event_batch(data, columns, event_name)
        return
    with c_array_stream(data) as stream:
        for array in stream:
            yield _from_c_array(array, columns, event_name)


def event_batch(
    data: ArrowArrayExportable,
    columns: Mapping[str, str] | None = None,
    event_name: str | None = None,
    position_of: Callable[[int], Position | None] | None = None,
) -> EventBatch:
    """Return one record batch as an EventBatch; see :func:`event_batches`.

    ``position_of`` returns where the event of a row came from.
    """
    return _from_c_array(c_array(data), columns, event_name, position_of)


def _from_c_array(
    array: CArray,
    columns: Mapping[str, str] | None,
    event_name: str | None,
    position_of: Callable[[int], Position | None] | None = None,
) -> EventBatch:
    schema = array.schema
    if schema.format != "+s":
        raise ColumnError("*", f"Arrow data of type {_type_name(schema)}; expected a struct")
    names = [child.name for child in schema.children]
    chosen = choose_columns(names, columns or {}, event_name=event_name)
    if null_count := _null_count(array):
        raise ColumnError("*", f"{null_count} rows of the struct itself are null")

    def column(field: str, index: int) -> Column:
        child = schema.child(index)
        try:
            view = array.child(index).view()
        except RuntimeError as error:  # of nanoarrow
            raise ColumnError(field, f"Arrow type {_type_name(child)}: {error}") from None
        return _column(field, array, view, child, array.offset, array.length)

    sources: dict[str, ColumnSource] = {}
    for field, name in chosen.items():
        index = names.index(name)
        # A column of Arrow's null type is one that is absent, unless the rule can't do without.
        if field not in (EVENT_NAME, COMM) and schema.child(index).format == "n":
            continue
        sources[field] = column(field, index) if field in TEXTS else partial(column, field, index)
    if event_name is not None:
        sources[EVENT_NAME] = event_name
    judged = {chosen[field] for field in JUDGED if field in chosen}
    others = [name for name in names if name not in judged and names.count(name) == 1]
    return EventBatch(
        sources,
        length=array.length,
        cells=arrow_cells(array, others, lambda index: column(names[index], index)),
        renamed={name: field for field, name in chosen.items()},
        position_of=position_of,
    )


def _null_count(array: CArray) -> int:
    """Count the null rows of a struct, where its producer has not: -1 stands for that."""
    if array.null_count >= 0 or not array.buffers[0]:
        return max(int(array.null_count), 0)
    return int(array.view().null_count)


def _column(
    name: str, owner: CArray, view: CArrayView, schema: CSchema, parent_offset: int, length: int
) -> Column:
    """Describe one child of the struct to the core; its buffers stay where they are.

    nanoarrow's buffer of a child does not keep the array's memory, so the column keeps ``owner``.
    """
    if view.n_buffers == 0:
        raise _holds_no_text(name, schema)
    offset = parent_offset + view.offset
    validity = view.buffer(0) if view.null_count else None
    storage = view.storage_type
    if schema.dictionary is not None and view.dictionary is not None:
        entries = view.dictionary
        values = _column(name, owner, entries, schema.dictionary, 0, entries.length)
        return Column.indexed(
            view.buffer(1), _INDEX_BYTES[storage], values, length, offset, validity, owner=owner
        )
    if storage in _OFFSETS:
        return Column.offsets(
            view.buffer(1),
            view.buffer(2),
            length,
            offset,
            validity,
            wide=_OFFSETS[storage],
            owner=owner,
        )
    if storage in _VIEWS:
        data = [view.buffer(index) for index in range(2, view.n_buffers - 1)]
        return Column.views(view.buffer(1), data, length, offset, validity, owner=owner)
    if storage == "fixed_size_binary":
        width = int(schema.format.removeprefix("w:"))
        return Column.fixed(view.buffer(1), width, length, offset, validity, owner=owner)
    raise _holds_no_text(name, schema)


def _holds_no_text(name: str, schema: CSchema) -> ColumnError:
    return ColumnError(name, f"Arrow type {_type_name(schema)} holds no text; expected {_WANTED}")


def _type_name(schema: CSchema) -> str:
    return str(schema._to_string(max_chars=200, recursive=True) or schema.format)
