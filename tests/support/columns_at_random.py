"""Strategies for columns of names: every value that could tell a wrong matcher from a right one."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

Values = list[bytes | None]

_SEEDS = [name.encode() for name in (*WEB_SERVERS, *SHELLS)]
_AMPLIFIED = [
    variant
    for seed in _SEEDS
    for variant in (
        seed,
        seed[:-1],
        seed[1:],
        seed + b"\0",
        b"\0" + seed,
        seed + b"x",
        seed.upper(),
        seed.ljust(14, b"-"),
        seed.ljust(15, b"-"),
        seed.ljust(16, b"-"),
        seed.ljust(17, b"-"),
        seed.ljust(16, b"\0"),
    )
]
_ODD = [b"", b"\0", b"\xff" * 16, b"\xc3\xa4pache2", "nginx\u0301".encode(), b"a" * 300]

comms: st.SearchStrategy[bytes] = (
    st.sampled_from(_AMPLIFIED) | st.sampled_from(_ODD) | st.binary(max_size=20)
)
pathnames: st.SearchStrategy[bytes] = st.one_of(
    st.builds(
        bytes.__add__,
        st.sampled_from([b"", b"/", b"//", b"/bin/", b"/x/sh/", b"bin/", b"/" * 20, b"/bin\0/"]),
        comms,
    ),
    st.sampled_from(
        [b"/x/sh/", b"/", b"sh", b"/sh/..", b"/bin/sh\0", b"/a-very-long-name-of-it/sh"]
    ),
    st.binary(max_size=40),
)
event_names: st.SearchStrategy[bytes] = st.sampled_from(
    [
        *(name.encode() for name in EVENTS),
        b"open",
        b"",
        b"security_bprm_check\0",
        b"sched_process_exit",
    ]
)


def column(
    values: st.SearchStrategy[bytes], rows: int, *, nulls: bool = True
) -> st.SearchStrategy[Values]:
    """Return columns of that many rows."""
    cell: st.SearchStrategy[Any] = values | st.none() if nulls else values
    return st.lists(cell, min_size=rows, max_size=rows)


@st.composite
def tables(draw: st.DrawFn, max_rows: int = 40) -> dict[str, Values]:
    """Return the four columns of the rule."""
    rows = draw(st.integers(0, max_rows))
    return {
        "event_name": draw(column(event_names, rows)),
        "process_name": draw(column(comms, rows)),
        "pathname": draw(column(pathnames, rows)),
        "prev_comm": draw(column(comms, rows)),
    }


def dictionary(values: Values, index: pa.DataType) -> pa.Array:
    """Encode as a dictionary, the last entry of which nobody uses, nulls on both levels."""
    entries = [*dict.fromkeys(values), b"unused"]
    indices = [
        None if value is None and row % 2 else entries.index(value)
        for row, value in enumerate(values)
    ]
    return pa.DictionaryArray.from_arrays(pa.array(indices, index), pa.array(entries, pa.binary()))


LAYOUTS = {
    "binary": lambda values: pa.array(values, pa.binary()),
    "large_binary": lambda values: pa.array(values, pa.large_binary()),
    "binary_view": lambda values: pa.array(values, pa.binary_view()),
    "dictionary<int8>": lambda values: dictionary(values, pa.int8()),
    "dictionary<uint16>": lambda values: dictionary(values, pa.uint16()),
    "dictionary<int32>": lambda values: dictionary(values, pa.int32()),
    "dictionary<int64>": lambda values: dictionary(values, pa.int64()),
}
"""How pyarrow lays a column out; the utf8 kinds have the memory layout of the binary ones."""
