"""Columns whose buffers hold anything at all: an error or the right answer, and never a crash."""

from __future__ import annotations

from typing import Any

import numpy as np
from columns_at_random import comms, pathnames
from hypothesis import given
from hypothesis import strategies as st
from rule_columns import CORE, REFERENCE, columns

from illshell import ColumnError
from illshell._fastmatch import Column
from illshell.signatures.illegitimate_shell.names import EVENTS

ROWS = 12


def numbers(dtype: Any, top: int) -> st.SearchStrategy[Any]:
    """Give arrays of integers, most of them small, some of them as wild as the type allows."""
    info = np.iinfo(dtype)
    wild = st.integers(info.min, info.max)
    number = st.one_of(st.integers(0, top), st.integers(0, top), wild)
    return st.lists(number, min_size=2 * ROWS, max_size=2 * ROWS).map(
        lambda values: np.array(values, dtype)
    )


text = st.lists(comms | pathnames, max_size=8).map(b"".join)
validity = st.none() | st.binary(min_size=4, max_size=4)
offset = st.integers(0, ROWS - 1)


@st.composite
def offsets_columns(draw: st.DrawFn) -> Column:
    data = draw(text)
    wide = draw(st.booleans())
    offsets = draw(numbers(np.int64 if wide else np.int32, len(data)))
    if draw(st.booleans()):
        offsets = np.sort(offsets)
    return Column.offsets(offsets, data, ROWS, draw(offset), draw(validity), wide=wide)


@st.composite
def views_columns(draw: st.DrawFn) -> Column:
    buffers = draw(st.lists(text, max_size=3))
    views = np.zeros((2 * ROWS, 4), np.uint32)
    views[:, 0] = draw(numbers(np.uint32, 20))
    views[:, 1] = draw(numbers(np.uint32, 2**32 - 1))
    views[:, 2] = draw(numbers(np.uint32, 3))
    views[:, 3] = draw(numbers(np.uint32, 40))
    return Column.views(np.ascontiguousarray(views), buffers, ROWS, draw(offset), draw(validity))


@st.composite
def fixed_columns(draw: st.DrawFn) -> Column:
    width = draw(st.integers(1, 24))
    data = draw(st.binary(min_size=2 * ROWS * width, max_size=2 * ROWS * width))
    return Column.fixed(data, width, ROWS, draw(offset), draw(validity))


plain_columns = offsets_columns() | views_columns() | fixed_columns()


@st.composite
def indexed_columns(draw: st.DrawFn) -> Column:
    dtype = draw(st.sampled_from([np.uint8, np.int16, np.uint32, np.int64]))
    indices = draw(numbers(dtype, ROWS))
    values = draw(plain_columns)
    return Column.indexed(indices, indices.itemsize, values, ROWS, draw(offset), draw(validity))


any_columns = plain_columns | indexed_columns()


def values_of(column: Column) -> tuple[list[bytes | None], bool]:
    """Give a column's values, None for the ones that can't be read, and whether there were such."""
    values: list[bytes | None] = []
    damaged = False
    for row in range(len(column)):
        try:
            values.append(column[row])
        except ValueError:
            damaged = True
            values.append(None)
    return values, damaged


@given(any_columns, any_columns, any_columns, st.sampled_from(EVENTS))
def test_an_error_or_the_right_answer(
    comm: Column, pathname: Column, prev_comm: Column, event: str
) -> None:
    values = [values_of(each) for each in (comm, pathname, prev_comm)]
    try:
        hits, errors = CORE.match(columns(event, comm, pathname, prev_comm))
    except ColumnError:
        assert any(damaged for _, damaged in values)
        return
    expected_hits, expected_errors = REFERENCE.match(columns(event, *(each for each, _ in values)))
    assert set(hits) <= set(expected_hits) | set(errors)
    if not any(damaged for _, damaged in values):
        assert (list(hits), list(errors)) == (expected_hits, expected_errors)


@given(any_columns)
def test_event_names_that_can_be_anything(names: Column) -> None:
    comm = Column.fixed(b"nginx\0" * ROWS, 6, ROWS)
    path = Column.fixed(b"/sh" * ROWS, 3, ROWS)
    values, damaged = values_of(names)
    try:
        hits, errors = CORE.match(columns(names, comm, path, comm))
    except ColumnError:
        assert damaged
        return
    expected = REFERENCE.match(
        columns(values, [b"nginx"] * ROWS, [b"/sh"] * ROWS, [b"nginx"] * ROWS)
    )
    assert (list(hits), list(errors)) == expected
