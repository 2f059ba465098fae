"""The rule on packed columns: core and reference agree on every row, in every layout."""

from __future__ import annotations

import gc
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from columns_at_random import LAYOUTS, Values, tables
from guarded_page import GuardedPage
from hypothesis import given
from hypothesis import strategies as st
from rule_columns import CORE, REFERENCE, columns

from illshell import ColumnError, EventBatch
from illshell._fastmatch import Column, Matcher
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule


def rows_of(rows: Any) -> list[int]:
    return np.frombuffer(rows, np.int64).tolist()


def match(batch: EventBatch, matcher: Matcher = CORE) -> tuple[list[int], list[int]]:
    hits, errors = batch.match(matcher)
    return rows_of(hits), rows_of(errors)


def packed(table: dict[str, Values], layouts: list[str], offset: int = 0) -> EventBatch:
    """Pack through pyarrow; ``offset`` rows of rubbish come before and after the slice."""
    arrays = {}
    for (name, values), layout in zip(table.items(), layouts, strict=True):
        rubbish: Values = [b"rubbish"] * offset
        array = LAYOUTS[layout]([*rubbish, *values, *rubbish])
        arrays[name] = array.slice(offset, len(values))
    return EventBatch.from_arrow(pa.record_batch(arrays))


@given(
    tables(),
    st.lists(st.sampled_from(list(LAYOUTS)), min_size=4, max_size=4),
    st.integers(0, 9),
    st.sampled_from([EVENTS, EVENTS[:1], EVENTS[1:]]),
)
def test_core_and_reference_agree(
    table: dict[str, Values], layouts: list[str], offset: int, events: tuple[str, ...]
) -> None:
    core = Matcher(illegitimate_shell_rule(events))
    expected = reference.Matcher(illegitimate_shell_rule(events))
    assert match(packed(table, layouts, offset), core) == expected.match(columns(**table))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(4))
def test_core_and_reference_agree_over_many_blocks(layout: str, seed: int) -> None:
    random = Random(seed)
    comms = [b"nginx", b"httpd-foregroun", b"sh", b"dash", b"kubelet", b"", b"a" * 16, None]
    paths = [b"/bin/sh", b"/usr/bin/dash", b"sh", b"/bin/cat", b"/x/sh/", b"", None]
    names = [*(name.encode() for name in EVENTS), *[b"open"] * random.randrange(30), None]
    rows = random.randrange(5000, 9000)
    table: dict[str, Values] = {
        "event_name": random.choices(names, k=rows),
        "process_name": random.choices(comms, k=rows),
        "pathname": random.choices(paths, k=rows),
        "prev_comm": random.choices(comms, k=rows),
    }
    assert match(packed(table, [layout] * 4, random.randrange(70))) == REFERENCE.match(
        columns(**table)
    )


def fixed(values: Values, width: int) -> Values:
    """What a zero-padded field of that width makes of the values."""
    return [None if value is None else value[:width].rstrip(b"\0") for value in values]


@given(tables(), st.integers(16, 24), st.integers(0, 3), st.booleans())
def test_structured_arrays_of_any_stride(
    table: dict[str, Values], width: int, padding: int, reverse: bool
) -> None:
    table = {name: [value or b"" for value in values] for name, values in table.items()}
    rows = len(table["event_name"])
    dtype = np.dtype(
        [("event_name", "S20"), ("junk", f"V{padding}"), ("process_name", f"S{width}"),
         ("pathname", "S64"), ("prev_comm", "S16")]
    )  # fmt: skip
    array = np.zeros(rows, dtype)
    for name, values in table.items():
        array[name] = values
    if reverse:
        array = array[::-1]
    array.flags.writeable = False
    expected = {name: [bytes(value) for value in array[name].tolist()] for name in table}
    assert match(EventBatch.from_numpy(array)) == REFERENCE.match(columns(**expected))


@given(tables(), st.integers(1, 20), st.integers(0, 5))
def test_fixed_size_binary_columns(table: dict[str, Values], width: int, offset: int) -> None:
    table["process_name"] = fixed(table["process_name"], width)
    values = [None if v is None else v.ljust(width, b"\0") for v in table["process_name"]]
    rubbish: Values = [b"x" * width] * offset
    arrays = {name: pa.array(values, pa.binary()) for name, values in table.items()}
    arrays["process_name"] = pa.array([*rubbish, *values], pa.binary(width)).slice(offset)
    batch = EventBatch.from_arrow(pa.record_batch(arrays))
    assert match(batch) == REFERENCE.match(columns(**table))


def test_sixteen_bytes_never_become_a_fifteen_byte_name() -> None:
    comm = np.array([b"httpd-foregroun", b"httpd-foreground", b"\xff" * 16], "S16")
    batch = EventBatch.from_numpy(
        {"event_name": EVENTS[0], "comm": comm, "pathname": np.array([b"/sh"] * 3)}
    )
    assert match(batch) == ([0], [])


def test_columns_that_are_absent_are_null_in_every_row() -> None:
    comm = pa.array(["nginx", "sh", "cat"])
    for name, errors in (("security_bprm_check", [0]), ("sched_process_exec", [0, 1, 2])):
        batch = EventBatch.from_arrow(
            pa.record_batch({"event_name": pa.array([name] * 3), "process_name": comm})
        )
        assert match(batch) == ([], errors)


@pytest.mark.parametrize("event", ["security_bprm_check", "sched_process_exec", "open"])
def test_a_constant_event_name_stands_for_every_row(event: str) -> None:
    columns = {
        "comm": np.array([b"nginx", b"sh"], "S16"),
        "pathname": np.array([b"/bin/sh", b"/bin/sh"], "S16"),
        "prev_comm": np.array([b"x", b"nginx"], "S16"),
    }
    expected = {"security_bprm_check": [0], "sched_process_exec": [1], "open": []}[event]
    assert match(EventBatch.from_numpy({"event_name": event, **columns})) == (expected, [])


@pytest.mark.parametrize("name", [b"", b"x", b"sh", b"nginx", b"httpd-foregroun", b"a" * 16])
def test_nothing_beyond_the_last_byte_is_read(name: bytes) -> None:
    comms, paths = [b"apache2", name], [b"/bin/sh", b"/bin/" + name]
    expected = REFERENCE.match(columns("security_bprm_check", comms, paths))
    offsets = [np.cumsum([0, *map(len, each)], dtype=np.int32) for each in (comms, paths)]
    batch = EventBatch.from_numpy(
        {
            "event_name": "security_bprm_check",
            "comm": (offsets[0], GuardedPage().ending_with(b"".join(comms))),
            "pathname": (offsets[1], GuardedPage().ending_with(b"".join(paths))),
        }
    )
    assert match(batch) == expected
    padded = b"".join(comm.ljust(16, b"\0") for comm in comms)
    column = GuardedPage().ending_with(padded).view("S16")
    pathname = batch["pathname"]
    assert isinstance(pathname, Column)
    hits, _ = CORE.match(columns("security_bprm_check", Column.from_array(column), pathname))
    assert rows_of(hits) == expected[0]
    narrow = GuardedPage().ending_with(b"nginxapach").view("S5")
    hits, _ = CORE.match(columns("security_bprm_check", Column.from_array(narrow), pathname))
    assert rows_of(hits) == [0]


OFFSETS = np.array([0, 5, 10, 15], np.int32)


@pytest.mark.parametrize(
    "offsets",
    [[0, 5, 10, 99], [0, 5, 4, 15], [-1, 5, 10, 15], [0, 2**31 - 1, 10, 15], [99, 99, 99, 99]],
)
@pytest.mark.parametrize("wide", [np.int32, np.int64])
def test_damaged_offsets_are_an_error_and_no_crash(offsets: list[int], wide: Any) -> None:
    comm = (np.array(offsets, wide), np.frombuffer(b"nginxnginxnginx", np.uint8))
    path = (np.array([0, 3, 6, 9], np.int32), np.frombuffer(b"/sh/sh/sh", np.uint8))
    for batch in (
        {"comm": comm, "pathname": path, "event_name": EVENTS[0]},
        {"comm": path, "prev_comm": comm, "event_name": EVENTS[1]},
    ):
        with pytest.raises(ColumnError, match=r"row \d: its value lies outside"):
            match(EventBatch.from_numpy(batch))


def test_damaged_codes_are_an_error_and_no_crash() -> None:
    comm = np.array([b"nginx"] * 3, "S16")
    for codes in ([0, 7, 0], [0, -1, 0]):
        for width in (np.int8, np.int16, np.int32, np.int64):
            batch = EventBatch.from_numpy(
                {"comm": comm, "event_name": (np.array(codes, width), [EVENTS[0], "open"])}
            )
            with pytest.raises(ColumnError, match="event_name: row 1"):
                match(batch)


@pytest.mark.parametrize("cut", range(1, 8))
def test_views_that_lie_are_an_error_and_no_crash(cut: int) -> None:
    view = np.zeros(4, np.uint32)
    view[0], view[2], view[3] = 20, cut % 2, 13 if cut < 4 else 0
    column = Column.views(view, [b"x" * (20 - cut)], 1)
    with pytest.raises(ColumnError, match="row 0"):
        CORE.match(columns(EVENTS[0], column))
    with pytest.raises(ValueError, match="row 0"):
        column[0]


def test_too_small_buffers_are_refused() -> None:
    data = np.zeros(8, np.uint8)
    for make in (
        lambda: Column.offsets(OFFSETS, data, 4),
        lambda: Column.offsets(OFFSETS, data, 3, 1),
        lambda: Column.offsets(OFFSETS, data, 2, wide=True),
        lambda: Column.offsets(OFFSETS, data, -1),
        lambda: Column.offsets(OFFSETS, data, 3, -1),
        lambda: Column.offsets(OFFSETS, data, 2**62),
        lambda: Column.offsets(OFFSETS, data, 3, validity=b""),
        lambda: Column.fixed(data, 16, 1),
        lambda: Column.fixed(data, -1, 1),
        lambda: Column.views(data, [], 1),
        lambda: Column.indexed(data, 4, Column.fixed(data, 8, 1), 3),
        lambda: Column.indexed(data, 3, Column.fixed(data, 8, 1), 1),
        lambda: Column.from_array(np.zeros((2, 2), "S16")),
    ):
        with pytest.raises(ValueError, match=r"rows|too few|bytes|width|dimension"):
            make()


def test_columns_of_other_lengths_are_refused() -> None:
    two, three = np.array([b"a"] * 2, "S16"), np.array([b"a"] * 3, "S16")
    short, long = (Column.from_array(each) for each in (two, three))
    with pytest.raises(ColumnError, match="pathname: 3 rows, where comm has 2"):
        CORE.match(columns(EVENTS[0], short, long))
    with pytest.raises(ColumnError, match="unread: 3 rows, where comm has 2"):
        CORE.match({**columns(EVENTS[0], short), "unread": long})
    data = {"event_name": EVENTS[0], "comm": two, "pathname": three}
    with pytest.raises(ColumnError, match="pathname: 3 rows, where the batch has 2"):
        EventBatch.from_numpy(data)
    unequal = {name: Column.from_array(data[name]) for name in ("comm", "pathname")}
    with pytest.raises(ColumnError, match="pathname: 3 rows, where the batch has 2"):
        EventBatch({"event_name": EVENTS[0], **unequal})
    late = EventBatch({"event_name": EVENTS[0], **unequal, "pathname": lambda: unequal["pathname"]})
    for batch in (late, late.slice(0, 1)):
        with pytest.raises(ColumnError, match="pathname: 3 rows, where the batch has 2"):
            match(batch)


def test_no_memory_that_grows_with_the_batch() -> None:
    import resource

    rows = 4_000_000

    comm = np.zeros(rows, "S16")
    comm[::1000] = b"nginx"
    batch = EventBatch.from_numpy({"event_name": EVENTS[0], "comm": comm, "pathname": comm})
    match(batch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    hits, errors = batch.match(CORE)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (len(hits), len(errors)) == (0, 0)
    assert grown * 1024 < rows // 16, f"{grown} KiB for {rows} rows"


def test_a_batch_keeps_its_memory() -> None:
    """Nothing but the batch holds the Arrow data; it is released with it, without a collection."""
    gc.collect()
    before = pa.total_allocated_bytes()
    names = ["security_bprm_check"] * 5000
    batch = EventBatch.from_arrow(pa.record_batch({"event_name": names, "comm": ["nginx"] * 5000}))
    gc.collect()
    assert pa.total_allocated_bytes() > before
    assert match(batch) == ([], list(range(5000)))
    gc.disable()
    try:
        del batch
        assert pa.total_allocated_bytes() == before
        batch = EventBatch.from_arrow(
            pa.record_batch({"event_name": names, "comm": ["nginx"] * 5000, "pathname": names})
        )
        part = batch.slice(1, 3)
        del batch
        assert part.event(0).payload["processName"] == "nginx"
        del part
    finally:
        gc.enable()
    assert pa.total_allocated_bytes() == before
