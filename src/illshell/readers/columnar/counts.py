"""How often each value of a column of text occurs."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from illshell.model.errors import ColumnError


def value_counts(name: str, column: pa.ChunkedArray) -> Counter[bytes | None]:
    """Return how often each value occurs in a column of text or bytes; text as its bytes.

    The column may come from a damaged file: pyarrow raises ArrowInvalid where a value lies outside
    its buffers. ColumnError, which names the column, where its type holds no text.
    """
    counts: Counter[bytes | None] = Counter()
    for chunk in column.chunks:
        values = _as_bytes(name, chunk)
        # pyarrow's functions read where the offsets and codes lead, without a look at the buffers.
        values.validate(full=True)
        if values.type == pa.binary_view():
            values = values.cast(pa.binary())
        for count in pc.value_counts(values):
            counts[count["values"].as_py()] += count["counts"].as_py()
    return counts


def _as_bytes(name: str, values: pa.Array) -> pa.Array:
    """Return text as bytes, in place: names need not be UTF-8."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        entries = _as_bytes(name, values.dictionary)
        return pa.DictionaryArray.from_arrays(values.indices, entries, safe=False)
    if pa.types.is_string(kind):
        return values.view(pa.binary())
    if pa.types.is_large_string(kind):
        return values.view(pa.large_binary())
    if pa.types.is_string_view(kind):
        return values.view(pa.binary_view())
    if not any(
        fits(kind)
        for fits in (
            pa.types.is_binary,
            pa.types.is_large_binary,
            pa.types.is_binary_view,
            pa.types.is_fixed_size_binary,
        )
    ):
        raise ColumnError(name, f"Arrow type {kind} holds no text")
    return values
