"""Columns of integers and booleans: every width, sign, stride, null and dictionary is read right."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from illshell._fastmatch import Column

TYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
types = st.sampled_from(TYPES)


def numbers(dtype: Any, rows: int) -> st.SearchStrategy[list[int]]:
    info = np.iinfo(dtype)
    number = st.integers(info.min, info.max) | st.sampled_from([info.min, info.max, 0, 1])
    return st.lists(number, min_size=rows, max_size=rows)


def read(column: Column) -> list[Any]:
    """Read all rows; a string stands for an error."""
    values: list[Any] = []
    for row in range(len(column)):
        try:
            values.append(column[row])
        except ValueError as error:
            values.append(str(error))
    return values


def expected(values: list[int | None]) -> list[Any]:
    beyond = "its value lies outside the dictionary or beyond int64"
    return [
        f"row {row}: {beyond}" if value is not None and value >= 2**63 else value
        for row, value in enumerate(values)
    ]


def bitmap(bits: list[bool], offset: int = 0) -> bytes:
    return np.packbits(np.array([False] * offset + bits, np.bool_), bitorder="little").tobytes()


@given(st.data(), types, st.integers(0, 20), st.integers(0, 9), st.booleans())
def test_integers(data: st.DataObject, dtype: Any, rows: int, offset: int, nulls: bool) -> None:
    values = data.draw(numbers(dtype, rows))
    buffer = np.array([7] * offset + values, dtype)
    valid = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    column = Column.integers(
        buffer, buffer.itemsize, rows, offset, bitmap(valid, offset) if nulls else None,
        signed=buffer.dtype.kind == "i",
    )  # fmt: skip
    whole = [
        value if kept or not nulls else None for value, kept in zip(values, valid, strict=True)
    ]
    assert column.kind == "int64"
    assert read(column) == expected(whole)
    start = data.draw(st.integers(0, rows))
    assert read(column.slice(start, rows)) == expected(whole[start:])


@given(st.data(), types, st.integers(0, 20), st.sampled_from([1, 2, -1, -3]))
def test_strided_arrays(data: st.DataObject, dtype: Any, rows: int, step: int) -> None:
    values = np.array(data.draw(numbers(dtype, rows)), dtype)[::step]
    assert read(Column.from_array(values)) == expected(values.tolist())
    record = np.zeros(len(values), [("junk", "V3"), ("pid", dtype)])
    record["pid"] = values
    assert read(Column.from_array(record["pid"])) == expected(values.tolist())


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 9), st.data())
def test_booleans(values: list[bool], offset: int, data: st.DataObject) -> None:
    rows = len(values)
    valid = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
    column = Column.booleans(bitmap(values, offset), rows, offset, bitmap(valid, offset))
    whole = [value if kept else None for value, kept in zip(values, valid, strict=True)]
    assert column.kind == "bool"
    assert read(column) == whole
    start = data.draw(st.integers(0, rows))
    assert read(column.slice(start, rows)) == whole[start:]
    array = np.array(values, np.bool_)
    assert read(Column.from_array(array[::-1])) == values[::-1]
    assert Column.from_array(array).kind == "bool"


@given(st.data(), types, st.integers(1, 5), st.integers(0, 20))
def test_dictionaries_of_integers(data: st.DataObject, dtype: Any, entries: int, rows: int) -> None:
    values = np.array(data.draw(numbers(dtype, entries)), dtype)
    indices = data.draw(st.lists(st.integers(0, entries), min_size=rows, max_size=rows))
    column = Column.indexed(np.array(indices, np.int16), 2, Column.from_array(values), rows)
    assert column.kind == "int64"
    for row, index in enumerate(indices):
        if index == entries or values[index] >= 2**63:
            with pytest.raises(ValueError, match=f"row {row}: its value lies outside"):
                column[row]
        else:
            assert column[row] == values[index]


def test_arrow_timestamps_are_integers() -> None:
    array = pa.array([1, None, 2**62], pa.timestamp("ns"))
    validity, data = array.buffers()
    assert read(Column.integers(data, 8, 3, 0, validity)) == [1, None, 2**62]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Column.integers(bytes(8), 3, 1), "1, 2, 4 or 8 bytes, not 3"),
        (lambda: Column.integers(bytes(7), 8, 1), "data: 7 bytes are too few"),
        (lambda: Column.integers(bytes(8), 8, -1), "length -1"),
        (lambda: Column.integers(bytes(8), 8, 2**62), "length"),
        (lambda: Column.integers(bytes(8), 8, 1, 1), "too few"),
        (lambda: Column.integers(bytes(8), 8, 1, validity=b""), "validity: 0 bytes"),
        (lambda: Column.booleans(b"\0", 9), "data: 1 bytes are too few"),
        (lambda: Column.booleans(b"\0", 8, 1), "too few"),
        (lambda: Column.booleans(b"\0", -8), "length -8"),
        (lambda: Column.booleans(b"\0", 8, -8), "offset -8"),
        (lambda: Column.from_array(np.zeros(2, ">i4")), "format '>i'"),
        (lambda: Column.from_array(np.zeros(2, np.float64)), "format 'd'"),
        (lambda: Column.from_array(np.array(["a"])), "format '1w'"),
        (lambda: Column.from_array(np.array([b"a"], object)), "format 'O'"),
        (lambda: Column.from_array(np.zeros(2, "datetime64[ns]")), "cannot include dtype"),
        (lambda: Column.fixed(np.zeros(8, np.uint8)[::2], 1, 4), "contiguous"),
    ],
)
def test_what_holds_no_values_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_arrays_of_pointers_are_refused() -> None:
    testbuffer = pytest.importorskip("_testbuffer")
    items = [b"nginx" + bytes(11)] * 3
    array = testbuffer.ndarray(items, shape=[3], format="16s", flags=testbuffer.ND_PIL)
    with pytest.raises(ValueError, match="holds pointers"):
        Column.from_array(array)


def test_a_buffer_without_memory_is_refused() -> None:
    nowhere = (ctypes.c_char * 40).from_address(0)
    with pytest.raises(ValueError, match="a buffer of 40 bytes that lies nowhere"):
        Column.views(bytes(16), [nowhere], 1)
    empty = (ctypes.c_char * 0).from_address(0)
    assert read(Column.views(bytes(16), [empty], 1)) == [b""]
