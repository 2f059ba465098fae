"""Arrow's values as Tracee's JSON would have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def row_values(columns: Mapping[str, pa.Array | pa.ChunkedArray], row: int) -> dict[str, Any]:
    """Return the values of a row that JSON can hold, by column; a damaged one is left out."""
    values = {}
    for name, column in columns.items():
        try:
            values[name] = row_value(column, row)
        except (pa.ArrowException, ValueError, OverflowError, NotImplementedError, IndexError):
            continue
    return values


def row_value(column: pa.Array | pa.ChunkedArray, row: int) -> Any:
    """Return the value of a row as JSON has it; raises where it is damaged or has no such form."""
    cell = column.slice(row, 1)
    cell.validate(full=True)
    return json_value(cell[0])


def json_value(scalar: pa.Scalar) -> Any:
    """Return a value as JSON has it: numbers, text, lists and objects.

    Points in time and durations become nanoseconds, as Tracee writes them; bytes become text, dates
    and decimals theirs.
    """
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if isinstance(scalar, (pa.DictionaryScalar, pa.ExtensionScalar, pa.RunEndEncodedScalar)):
        return json_value(scalar.value)
    if isinstance(scalar, pa.StructScalar):
        return {name: json_value(value) for name, value in scalar.items()}
    if isinstance(scalar, pa.MapScalar):
        return {str(json_value(pair["key"])): json_value(pair["value"]) for pair in scalar.values}
    if isinstance(scalar, pa.ListScalar):
        return [json_value(value) for value in scalar.values]
    if isinstance(scalar, (pa.TimestampScalar, pa.DurationScalar)):
        return scalar.value * _NANOSECONDS[kind.unit]
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "surrogateescape")
    return value if isinstance(value, (bool, int, float, str)) else str(value)
