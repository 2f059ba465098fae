"""Cells: the values of a row's further columns, for the event of a finding.

No rule has read these columns. So one that can't be read, whatever its type and what lies in it,
is left out, and never costs a finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nanoarrow.iterator import PyIterator

from illshell.model.errors import ColumnError
from illshell.model.fields import Kind, normalized

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nanoarrow.c_array import CArray
    from nanoarrow.c_schema import CSchema

    from illshell._fastmatch import Column

_FLAT: Final = frozenset("bcCsSiIlLfguUzZ")
"""Formats of Arrow's C data interface that nanoarrow reads: booleans, numbers, text, bytes."""

_NULL: Final = "n"

_TIMES: Final = ("ts", "tD")
"""How the formats of points in time and of durations begin; the next letter is their unit."""

_NANOSECONDS: Final = {"s": 10**9, "m": 10**6, "u": 10**3, "n": 1}

_VIEWS: Final = ("vu", "vz")
"""Formats that nanoarrow 0.9 neither reads nor exports: either ends the process."""


def arrow_cells(
    array: CArray, names: Sequence[str], column_of: Callable[[int], Column]
) -> Callable[[int], Mapping[str, Any]]:
    """Return a function from a row to the values of these columns of a struct, as JSON has them.

    ``column_of(index)``: the column of text of a child. Without pyarrow only columns of flat types
    are read: booleans, numbers, times, text and bytes. A column with views of text inside of a list
    or a struct is left out.
    """
    readers: dict[str, Callable[[int], Any] | None] = {}
    indexes = {child.name: index for index, child in enumerate(array.schema.children)}

    def cells(row: int) -> Mapping[str, Any]:
        values = {}
        for name in names:
            if name not in readers:
                readers[name] = _reader(array, indexes[name], column_of)
            read = readers[name]
            if read is None:
                continue
            try:
                values[name] = read(row)
            except Exception:  # noqa: S112 - whatever lies in there, it costs no finding
                continue
        return values

    return cells


def _reader(
    array: CArray, index: int, column_of: Callable[[int], Column]
) -> Callable[[int], Any] | None:
    """Return a function from a row to a child's value, None where its type can't be read."""
    schema = array.schema.child(index)
    if (schema if schema.dictionary is None else schema.dictionary).format in _VIEWS:
        try:
            column = column_of(index)
        except ColumnError:
            return None
        return lambda row: normalized(column[row], Kind.TEXT)
    if _has_views(schema):
        return None
    child, offset = array.child(index), array.offset
    return _with_pyarrow(child, offset) or _flat(child, schema, offset)


def _has_views(schema: CSchema) -> bool:
    parts = [*schema.children, *([schema.dictionary] if schema.dictionary is not None else [])]
    return schema.format in _VIEWS or any(map(_has_views, parts))


def _with_pyarrow(child: CArray, offset: int) -> Callable[[int], Any] | None:
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        return None
    from illshell.batch.arrow_to_json import row_value

    try:
        column = pa.array(child)
    except (pa.ArrowException, ValueError, TypeError):
        return None
    return lambda row: row_value(column, offset + row)


def _flat(child: CArray, schema: CSchema, offset: int) -> Callable[[int], Any] | None:
    if schema.dictionary is not None:
        return None
    if schema.format == _NULL:
        return lambda _row: None
    if schema.format.startswith(_TIMES):
        return _times(child, _NANOSECONDS[schema.format[2]], offset)
    if schema.format not in _FLAT:
        return None

    def read(row: int) -> Any:
        at = offset + row
        value = next(iter(PyIterator(schema, array_view=child[at : at + 1].view())))
        return normalized(value, Kind.TEXT) if isinstance(value, bytes) else value

    return read


def _times(child: CArray, nanoseconds: int, offset: int) -> Callable[[int], Any]:
    def read(row: int) -> int | None:
        view = child[offset + row : offset + row + 1].view()
        return None if view.null_count else view.buffer(1)[view.offset] * nanoseconds

    return read
