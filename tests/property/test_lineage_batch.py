"""Packed events are judged as single ones are, by the core as by its reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illshell._lineage.batch import BatchJudge
from illshell._lineage.columns import TaskColumns
from illshell._lineage.known_files import KnownFiles
from illshell._lineage.lineage import Lineage
from illshell._lineage.name_classes import NameClasses
from illshell.model.errors import ColumnError
from illshell.signatures.name_lists import NameLists
from illshell.signatures.shell_below_web_server.reference import batch as plain_batch
from illshell.signatures.shell_below_web_server.reference import known_files as plain_files
from illshell.signatures.shell_below_web_server.reference import lineage as plain_lineage
from illshell.signatures.shell_below_web_server.signature import EXACT_LISTS
from illshell.signatures.shell_below_web_server.task_events import CHECK, EXEC, MULTI_CALL

LISTS = NameLists.default()
comms = st.sampled_from(
    [b"nginx", b"apache2", b"php-fpm8.2", b"sh", b"bash5", b"cat", b"node", b"busybox", b"a\xffb",
     b"jspawnhelper", b"ld-linux-x86-64", b"memfd:x", b"6", b"", b"sixteen-bytes-xx"]
)  # fmt: skip
paths = st.sampled_from(
    [b"", b"/bin/sh", b"/usr/bin/dash", b"sh", b"/", b"/bin/", b"/usr/bin/busybox", b"/tmp/kworker",
     b"/proc/self/fd/6", b"/proc/thread-self/fd/6", b"/proc/12/fd/6", b"/proc/12/task/3/fd/6",
     b"/proc/12/task/fd/6", b"/proc/self/task/7/fd/8", b"/proc/12/exe", b"/proc/self/exe",
     b"/proc/12/exes", b"/proc/12/fd/", b"/proc/12/fd/6x", b"/proc/fd/6", b"/dev/fd/6", b"/dev/fd/",
     b"/dev/fd/6/7", b"/dev/fd/\xd9\xa6", b"memfd:sh", b"/memfd:sh (deleted)", b"/x (deleted)",
     b" (deleted)", b"/lib64/ld-linux-x86-64.so.2", b"/opt/bash-5.2", b"/a/sixteen-bytes-xx",
     b"/a/dash-with-a-longer-name"]
)  # fmt: skip
numbers = st.sampled_from([0, 1, 7, -1, 1 << 31, 1 << 32, (1 << 63) - 1])


@st.composite
def batches(draw):
    """Columns of some rows; any but two may be missing."""
    rows = draw(st.integers(1, 40))

    def some(values):
        return [draw(values) for _ in range(rows)]

    columns = {
        "kind": np.array(some(st.sampled_from([1, 1, 1, 2, 2, 3, 4, 0, 9])), np.uint8),
        "pid": np.array(some(st.integers(-1, 6)), np.int32),
        "parent_pid": np.array(some(st.integers(0, 6)), np.uint16),
        "tid": np.array(some(st.integers(0, 6)), np.int64),
        "host": np.array(some(st.sampled_from([0, 5, (1 << 64) - 1])), np.uint64),
        "host_name": np.array(some(st.sampled_from([b"", b"a", b"web-1"])), "S8"),
        "time": np.array(some(st.integers(0, 20_000)), np.int64) * 1_000_000,
        "start_time": np.array(some(numbers), np.int64),
        "entity": np.array(some(numbers), np.int64),
        "parent_entity": np.array(some(numbers), np.int64),
        "comm": np.array(some(comms), "S16"),
        "prev_comm": np.array(some(comms), f"S{draw(st.sampled_from([16, 20]))}"),
        "pathname": np.array(some(paths), "S64"),
        "cmdpath": np.array(some(paths), "S64"),
        "interp": np.array(some(paths), "S64"),
        "device": np.array(some(st.integers(0, 2)), np.uint32),
        "inode": np.array(some(st.integers(0, 2)), np.uint64),
        "ctime": np.array(some(st.integers(0, 2)), np.int64),
        "sha256": np.array(some(st.sampled_from([b"", b"aa", b"bb"])), "S4"),
        "hints": np.array(some(st.integers(0, 2)), np.uint8),
    }
    for name in draw(st.lists(st.sampled_from(sorted(set(columns) - {"kind", "pid"})))):
        columns.pop(name, None)
    return columns


def judges(**options):
    lineage, plain = Lineage(LISTS), plain_lineage.Lineage(LISTS)
    core = BatchJudge(lineage, KnownFiles(), NameClasses(EXACT_LISTS), **options)
    reference = plain_batch.BatchJudge(plain, plain_files.KnownFiles(), LISTS, **options)
    return core, reference


@settings(max_examples=400, deadline=None)
@given(batches(), st.booleans(), st.sets(st.sampled_from([EXEC, CHECK])), st.integers(0, 40))
def test_core_and_reference_agree(columns, asks, exact_kinds, cut):
    core, plain = judges(exact_kinds=exact_kinds, enabled=0x7FFF)

    def ask(row):
        return [None, (MULTI_CALL, 0), (0, row % 2), (0, 2)][row % 4]

    question = ask if asks else None
    expected = plain.feed(columns, question)
    whole = core.feed(TaskColumns(columns), question)
    assert whole == expected
    # Cut anywhere, the same.
    core, _ = judges(exact_kinds=exact_kinds, enabled=0x7FFF)
    parts = []
    for start, stop in ((0, cut), (cut, len(columns["pid"]))):
        part = TaskColumns({name: column[start:stop] for name, column in columns.items()})
        parts += core.feed(part, question and (lambda row, start=start: ask(start + row)))
    assert parts == expected


def test_columns_of_other_strides():
    rows = np.zeros(100, [("a", "i1"), ("pid", "<i4"), ("comm", "S16"), ("prev_comm", "S16")])
    rows["pid"] = np.arange(100)
    rows["comm"], rows["prev_comm"] = b"sh", b"nginx"
    core, plain = judges()
    columns = {"kind": 1, "pid": rows["pid"], "comm": rows["comm"], "prev_comm": rows["prev_comm"]}
    hits = core.feed(TaskColumns(columns))
    assert len(hits) == 100
    assert hits == plain.feed(columns | {"kind": [1] * 100})


PIDS = np.arange(3)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"kind": 1}, "column pid: is required"),
        ({"pid": PIDS}, "column kind: is required"),
        ({"kind": 1, "pid": 3}, "column pid: is one number"),
        ({"kind": 1, "pid": PIDS, "x": PIDS}, "column x: is unknown; expected one of kind, pid"),
        ({"kind": 1, "pid": PIDS, "time": PIDS[:2]}, "column time: has 2 rows; others have 3"),
        ({"kind": 1, "pid": PIDS.astype(float)}, "column pid: has values of format 'd'; integers"),
        ({"kind": 1, "pid": PIDS, "comm": PIDS}, "column comm: has values of format 'l'; bytes"),
        ({"kind": 1, "pid": PIDS, "comm": ["a"] * 3}, "column comm: is no array of plain values"),
        ({"kind": 1, "pid": PIDS.reshape(1, 3)}, "column pid: has 2 dimensions; one is expected"),
    ],
)
def test_columns_that_can_not_be(columns, message):
    with pytest.raises(ColumnError, match=message):
        TaskColumns(columns)


def test_an_error_of_the_question_costs_nothing_before_it():
    core, _ = judges()

    def ask(row):
        raise RuntimeError(f"row {row}")

    columns = {"kind": 1, "pid": PIDS, "comm": np.array([b"cat", b"node", b"cat"])}
    with pytest.raises(RuntimeError, match="row 1"):
        core.feed(TaskColumns(columns), ask)
    assert core.feed(TaskColumns({"kind": 1, "pid": PIDS})) == []


def test_no_rows():
    core, _ = judges()
    assert core.feed(TaskColumns({"kind": 1, "pid": PIDS[:0]})) == []
