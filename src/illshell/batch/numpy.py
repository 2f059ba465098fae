"""EventBatch from NumPy arrays, without a copy: strided, read-only and memory-mapped ones too."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from illshell._fastmatch import Column
from illshell.batch.event_batch import JUDGED, TEXTS, ColumnSource, EventBatch
from illshell.model.errors import ColumnError
from illshell.model.fields import EVENT_NAME, choose_columns


def event_batch(
    data: Any, columns: Mapping[str, str] | None = None, event_name: str | None = None
) -> EventBatch:
    """Return NumPy data as an EventBatch, each column a view of the array it came in.

    ``data``: a structured array of shape (n,), or a mapping of column names to columns. A column
    is an array of shape (n,) and dtype ``S<width>``, zero-padded, null where it is masked, or a
    pair of ``(offsets, values)`` or triple ``(offsets, values, validity)`` in Arrow's layout:
    offsets int32 or int64 of shape (n + 1,), values uint8, validity a bitmap of uint8 with a 0 bit
    for a null. In a mapping ``event_name`` may also be a str, the name of every row, or a pair of
    ``(codes, names)``: integers of shape (n,) that number a list of names.
    ``columns``: what the data calls the columns of an EventBatch, where that is other
    than :data:`illshell.model.fields.FIELDS` says.
    ``event_name``: the name of every row, in place of a column.
    Raises ColumnError for a column that is missing or of a dtype that holds no names.
    """
    if isinstance(data, Mapping):
        names = list(data)
    elif isinstance(data, np.ndarray) and data.dtype.names is not None:
        names = list(data.dtype.names)
    else:
        raise ColumnError("*", f"{type(data).__name__} is neither a structured array nor a mapping")
    chosen = choose_columns(names, columns or {}, event_name=event_name)
    sources: dict[str, ColumnSource] = {}
    for field, name in chosen.items():
        given = data[name]
        if field == EVENT_NAME and isinstance(given, str):
            sources[field] = given
        elif field in TEXTS:
            sources[field] = _column(field, given)
        else:
            sources[field] = partial(_column, field, given)
    if event_name is not None:
        sources[EVENT_NAME] = event_name
    judged = {chosen[field] for field in JUDGED if field in chosen}
    others = [name for name in names if name not in judged]
    return EventBatch(
        sources,
        cells=lambda row: {name: _item(data[name], row) for name in others},
        renamed={name: field for field, name in chosen.items()},
    )


def _column(name: str, given: Any) -> Column:
    if isinstance(given, np.ndarray):
        return _fixed(name, given)
    if isinstance(given, (tuple, list)) and len(given) in (2, 3):
        if name == EVENT_NAME and not isinstance(given[1], np.ndarray):
            return _coded(name, given[0], given[1])
        return _offsets(name, *given)
    raise ColumnError(name, f"{type(given).__name__}, where an array of dtype S16 would do")


def _fixed(name: str, array: np.ndarray[Any, Any]) -> Column:
    if array.dtype.kind != "S" or array.dtype.itemsize == 0:
        raise ColumnError(
            name, f"dtype {array.dtype} holds no zero-padded bytes; S16 (any S<width>) would do"
        )
    if array.ndim != 1:
        raise ColumnError(name, f"shape {array.shape} is not one-dimensional")
    if isinstance(array, np.ma.MaskedArray):
        valid = ~np.ma.getmaskarray(array)
        return Column.from_array(array.data, np.packbits(valid, bitorder="little"))
    return Column.from_array(array)


def _offsets(name: str, offsets: Any, values: Any, validity: Any = None) -> Column:
    offsets = _native_integers(name, "offsets", offsets, (4, 8))
    for label, each in (("values", values), ("validity", validity)):
        if isinstance(each, np.ndarray) and (each.dtype.itemsize != 1 or each.dtype.kind == "b"):
            raise ColumnError(name, f"{label} of dtype {each.dtype}; uint8 would do")
    if len(offsets) == 0:
        raise ColumnError(name, "offsets are empty; n rows have n + 1 offsets")
    try:
        return Column.offsets(
            offsets, values, len(offsets) - 1, 0, validity, wide=offsets.dtype.itemsize == 8
        )
    except (ValueError, BufferError) as error:
        raise ColumnError(name, str(error)) from None


def _coded(name: str, codes: Any, names: Any) -> Column:
    codes = _native_integers(name, "codes", codes, (1, 2, 4, 8))
    entries = [each.encode() if isinstance(each, str) else each for each in names]
    for each in entries:
        if not isinstance(each, bytes):
            raise ColumnError(name, f"a name of type {type(each).__name__}; str or bytes would do")
    offsets = np.cumsum([0, *map(len, entries)], dtype=np.int64)
    values = Column.offsets(offsets, b"".join(entries), len(entries), wide=True)
    return Column.indexed(codes, codes.dtype.itemsize, values, len(codes))


def _native_integers(
    name: str, label: str, array: Any, sizes: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind not in "iu"
        or array.dtype.itemsize not in sizes
        or not array.dtype.isnative
        or array.ndim != 1
        or not array.flags.c_contiguous
    ):
        wanted = " or ".join(f"int{8 * size}" for size in sizes)
        found = f"dtype {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise ColumnError(name, f"{label} of {found}; contiguous native {wanted} would do")
    return array


def _item(given: Any, row: int) -> Any:
    value = given[row] if isinstance(given, np.ndarray) and row < len(given) else None
    value = value.item() if isinstance(value, np.generic) else value
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
