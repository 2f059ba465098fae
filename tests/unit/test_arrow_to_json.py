"""Arrow's values as JSON has them."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from illshell.batch.arrow_to_json import json_value, row_values


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (pa.scalar(None, pa.utf8()), None),
        (pa.scalar(7, pa.uint16()), 7),
        (pa.scalar(1.5), 1.5),
        (pa.scalar(True), True),
        (pa.scalar(3, pa.timestamp("s")), 3_000_000_000),
        (pa.scalar(2**62, pa.timestamp("ns", "UTC")), 2**62),
        (pa.scalar(5, pa.duration("ms")), 5_000_000),
        (pa.scalar(b"nginx".ljust(16, b"\0"), pa.binary(16)), "nginx"),
        (pa.scalar(b"\xff"), "\udcff"),
        (pa.scalar(0, pa.date32()), "1970-01-01"),
        (pa.scalar(3, pa.decimal128(5, 2)), "3.00"),
        (pa.scalar([1, None]), [1, None]),
        (pa.scalar([["a"], []], pa.list_(pa.large_list(pa.utf8()))), [["a"], []]),
        (pa.scalar({"a": {"b": b"c"}}), {"a": {"b": "c"}}),
        (pa.scalar([("k", 1)], pa.map_(pa.utf8(), pa.int8())), {"k": 1}),
        (pa.array(["x", "y", "x"]).dictionary_encode()[1], "y"),
    ],
)
def test_values_as_json_has_them(scalar: pa.Scalar, value: Any) -> None:
    assert json_value(scalar) == value
    assert json.loads(json.dumps(json_value(scalar))) == value


def test_a_value_that_is_damaged_is_left_out() -> None:
    offsets = pa.array([0, 2, 99, 4], pa.int32()).buffers()[1]
    damaged = pa.Array.from_buffers(pa.utf8(), 3, [None, offsets, pa.py_buffer(b"abcd")])
    columns = {"damaged": damaged, "good": pa.array([1, 2, 3])}
    assert row_values(columns, 0) == {"damaged": "ab", "good": 1}
    assert row_values(columns, 1) == {"good": 2}
