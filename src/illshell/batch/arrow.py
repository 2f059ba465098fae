"""EventBatch from Arrow data: whatever speaks the Arrow PyCapsule interface, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from nanoarrow import c_array, c_array_stream
from nanoarrow.iterator import PyIterator

from illshell._fastmatch import Column
from illshell.batch.event_batch import EventBatch
from illshell.model.errors import ColumnError
from illshell.model.fields import REQUIRED, choose_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nanoarrow.c_array import CArray, CArrayView
    from nanoarrow.c_schema import CSchema


class ArrowArrayExportable(Protocol):
    """An object that gives an Arrow array."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Export schema and array as PyCapsules."""


class ArrowStreamExportable(Protocol):
    """An object that gives a stream of Arrow arrays."""

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
    """Give the batches of Arrow data, one by one, each a view of the producer's memory.

    ``data``: has ``__arrow_c_stream__`` or ``__arrow_c_array__`` (pyarrow, Polars, pandas, DuckDB,
    nanoarrow, ...). ``columns``: what the data calls the columns of an EventBatch, where that is
    none of :data:`illshell.model.fields.KNOWN_NAMES`, such as ``{"process_name": "task"}``.
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
) -> EventBatch:
    """Give one record batch as an EventBatch; see :func:`event_batches`."""
    return _from_c_array(c_array(data), columns, event_name)


def _from_c_array(
    array: CArray, columns: Mapping[str, str] | None, event_name: str | None
) -> EventBatch:
    schema = array.schema
    if schema.format != "+s":
        raise ColumnError("*", f"Arrow data of type {_type_name(schema)}, where a struct would do")
    names = [child.name for child in schema.children]
    chosen = {
        column: names.index(name)
        for column, name in choose_columns(names, columns or {}, event_name).items()
    }
    view = array.view()
    if view.null_count:
        raise ColumnError("*", f"{view.null_count} rows of the struct itself are null")
    taken = {
        column: _column(
            column, array, view.child(index), schema.child(index), view.offset, view.length
        )
        for column, index in chosen.items()
        # A column of Arrow's null type is one that is absent, unless the rule can't do without.
        if column in REQUIRED or view.child(index).storage_type != "na"
    }
    return EventBatch(
        event_name=taken["event_name"] if event_name is None else event_name,
        process_name=taken["process_name"],
        pathname=taken.get("pathname"),
        prev_comm=taken.get("prev_comm"),
        record=taken.get("record"),
        other_values=_other_values(array, set(chosen.values())),
    )


def _column(
    name: str, owner: CArray, view: CArrayView, schema: CSchema, parent_offset: int, length: int
) -> Column:
    """Describe one child of the struct to the core; its buffers stay where they are.

    nanoarrow's buffer of a child does not keep the array's memory, so the column keeps ``owner``.
    """
    if view.n_buffers == 0:
        raise _holds_no_names(name, schema)
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
    raise _holds_no_names(name, schema)


def _holds_no_names(name: str, schema: CSchema) -> ColumnError:
    return ColumnError(name, f"Arrow type {_type_name(schema)} holds no names; {_WANTED} would do")


def _type_name(schema: CSchema) -> str:
    return str(schema._to_string(max_chars=200, recursive=True) or schema.format)


def _other_values(array: CArray, taken: set[int]) -> Callable[[int], Mapping[str, Any]]:
    """Give a function from row to the values of the columns that the rule does not read.

    A column of a type that nanoarrow can't turn into Python values is left out.
    """
    children = [
        (child.name, array.child(index))
        for index, child in enumerate(array.schema.children)
        if index not in taken
    ]
    parent_offset = array.offset

    def values_of(row: int) -> Mapping[str, Any]:
        values = {}
        for name, child in children:
            at = parent_offset + row
            try:
                cell = PyIterator(child.schema, array_view=child[at : at + 1].view())
            except (NotImplementedError, ValueError):
                continue
            values[name] = next(iter(cell))
        return values

    return values_of
