"""Arrow's values as Tracee's JSON would have them."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

_NANOSECONDS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def row_values(table: pa.Table, row: int) -> dict[str, Any]:
    """Give the values of a row that JSON can hold, by column; a damaged one is left out."""
    values = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        cell = column.slice(row, 1)
        try:
            cell.validate(full=True)
            values[name] = plain(cell[0])
        except (pa.ArrowException, ValueError):
            continue
    return values


def plain(scalar: pa.Scalar) -> Any:
    """Give a value as JSON has it: numbers, text, lists and objects.

    Points in time and durations become nanoseconds, as Tracee writes them; bytes become text, dates
    and decimals theirs.
    """
    if not scalar.is_valid:
        return None
    kind = scalar.type
    if isinstance(scalar, (pa.DictionaryScalar, pa.ExtensionScalar, pa.RunEndEncodedScalar)):
        return plain(scalar.value)
    if isinstance(scalar, pa.StructScalar):
        return {name: plain(value) for name, value in scalar.items()}
    if isinstance(scalar, pa.MapScalar):
        return {str(plain(pair["key"])): plain(pair["value"]) for pair in scalar.values}
    if isinstance(scalar, pa.ListScalar):
        return [plain(value) for value in scalar.values]
    if isinstance(scalar, (pa.TimestampScalar, pa.DurationScalar)):
        return scalar.value * _NANOSECONDS[kind.unit]
    value = scalar.as_py()
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode("utf-8", "surrogateescape")
    return value if isinstance(value, (bool, int, float, str)) else str(value)
