"""The core keeps the same lineage as its reference, on process trees at random."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illshell._lineage.known_files import KnownFiles
from illshell._lineage.lineage import Lineage
from illshell._lineage.name_classes import NameClasses
from illshell._lineage.snapshot import restore, snapshot
from illshell.signatures.name_classes import NameClasses as ReferenceClasses
from illshell.signatures.name_lists import NameLists
from illshell.signatures.shell_below_web_server.limits import MOST_TASKS
from illshell.signatures.shell_below_web_server.reference import snapshot as plain_snapshot
from illshell.signatures.shell_below_web_server.reference.known_files import (
    KnownFiles as ReferenceFiles,
)
from illshell.signatures.shell_below_web_server.reference.lineage import (
    Lineage as ReferenceLineage,
)
from illshell.signatures.shell_below_web_server.state import HEADER, TASK, SnapshotError, sealed
from illshell.signatures.shell_below_web_server.task_events import (
    CHECK,
    EXACT,
    EXEC,
    EXIT,
    FORK,
    SHELL_NAME,
    SHELL_PATH,
    TaskEvent,
)

LISTS = NameLists.default()
MILLISECOND = 1_000_000
START = 1_700_000_000_000_000_000

names = st.sampled_from(
    [
        b"nginx",
        b"php-fpm8.2",
        b"sh",
        b"bash",
        b"cat",
        b"id",
        b"node",
        b"java",
        b"jspawnhelper",
        b"t.sh",
        b"",
    ]
)
pids = st.integers(0, 9)


@st.composite
def streams(draw, max_size=60):
    """Events of a few pids on two hosts: reused, lost, in disorder, with and without identities."""
    with_ids = draw(st.booleans())
    with_times = draw(st.integers(0, 4)) > 0
    kinds = draw(
        st.sampled_from(
            [
                [EXEC],
                [CHECK],
                [EXEC, CHECK],
                [EXEC, CHECK, FORK, EXIT],
                [CHECK, FORK, EXIT],
                [EXEC, FORK],
            ]
        )
    )
    jitter = draw(st.sampled_from([0, 3, 100, 7000, 60_000]))
    events = []
    time = START
    for _ in range(draw(st.integers(1, max_size))):
        time += draw(st.sampled_from([0, 1, 1, 50, 1000, 40_000])) * MILLISECOND
        kind = draw(st.sampled_from(kinds))
        pid = draw(pids)
        at = time - draw(st.integers(0, jitter)) * MILLISECOND if with_times else 0
        comm = draw(names)
        marks = 0
        if kind in {EXEC, CHECK}:
            if comm in {b"sh", b"bash"}:
                marks = SHELL_NAME if kind == EXEC else SHELL_PATH
            if draw(st.integers(0, 9)) == 0:
                marks |= EXACT
        generation = draw(st.integers(0, 2)) if with_ids else 0
        events.append(
            TaskEvent(
                kind,
                pid,
                draw(pids),
                draw(st.sampled_from([pid, pid, pid, 0, 5])),
                draw(st.sampled_from([1, 1, 1, 2])),
                at,
                START + generation * MILLISECOND if generation and draw(st.booleans()) else 0,
                pid * 10 + generation if generation else 0,
                draw(st.integers(0, 99)) if with_ids and draw(st.booleans()) else 0,
                comm,
                draw(names),
                draw(st.sampled_from([0, 0, 0, 1, 2])),
                marks,
            )
        )
    return events


def pair(**options):
    return Lineage(LISTS, **options), ReferenceLineage(LISTS, **options)


def check_same(core, plain):
    assert len(core) == len(plain)
    assert core.evicted == plain.evicted
    assert core.sequence == plain.sequence
    assert core.recent_sequences() == plain.recent_sequences()


@settings(max_examples=400, deadline=None)
@given(
    streams(), st.sampled_from([1, 2, 3, 5, 1000]), st.booleans(), st.sampled_from([0, 20, 5000])
)
def test_core_and_reference_agree(events, max_tasks, every_event, window):
    core, plain = pair(max_tasks=max_tasks, every_event=every_event, window=window * MILLISECOND)
    for event in events:
        assert core.apply(event) == plain.apply(event)
        check_same(core, plain)
    assert core.finish() == plain.finish()
    check_same(core, plain)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=15).filter(lambda comm: b"\0" not in comm) | names)
def test_classes_at_random(comm):
    assert NameClasses(LISTS).of(comm) == ReferenceClasses(LISTS).of(comm)


listed = [
    name.text
    for kind in (LISTS.web_servers, LISTS.shells, LISTS.helpers, LISTS.loaders, LISTS.multi_calls)
    for name in kind
] + [runtime.name.text for runtime in LISTS.runtimes]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(listed), st.text("abc0123456789.-_* :", max_size=4), st.integers(0, 15))
def test_classes_of_names_near_the_listed_ones(name, more, cut):
    core = NameClasses(LISTS)
    for comm in (name, name + more, more + name, name[:cut], name[:cut] + more):
        cut_comm = comm.encode()[:15]
        assert core.of(cut_comm) == core.of(cut_comm) == ReferenceClasses(LISTS).of(cut_comm)


def test_many_names():
    lists = LISTS.with_changes(
        [("shell", f"+shell{number}") for number in range(1000)]
        + [("web_server", f"+server{number}*") for number in range(100)]
    )
    core, plain = NameClasses(lists), ReferenceClasses(lists)
    for comm in (b"shell999", b"shell1000", b"server5", b"server5x", b"serve", b"nginx"):
        assert core.of(comm) == plain.of(comm)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tasks": 0}, "max_tasks is 0; it must be from 1"),
        ({"max_tasks": MOST_TASKS + 1}, "it must be from 1 to 67108864"),
        ({"window": -1}, "window is -1"),
        ({"window": 1 << 62}, "from 0 to"),
    ],
)
def test_options_that_can_not_be(options, message):
    for lineage in (Lineage, ReferenceLineage):
        with pytest.raises(ValueError, match=message):
            lineage(LISTS, **options)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (TaskEvent(EXEC, 1 << 31), OverflowError),
        (TaskEvent(EXEC, 1, time=1 << 63), OverflowError),
        (TaskEvent(EXEC, 1, entity=1 << 32), OverflowError),
        (TaskEvent(EXEC, 1, host=1 << 64), OverflowError),
        (TaskEvent(EXEC, 1, comm=b"x" * 16), ValueError),
        (TaskEvent(EXEC, 1, comm=b"a\0b"), ValueError),
        ((1, 2), ValueError),
    ],
)
def test_events_that_can_not_be(event, error):
    core = Lineage(LISTS)
    with pytest.raises(error):
        core.apply(event)
    assert core.sequence == 0


def test_times_at_their_limits():
    core, plain = pair()
    last = (1 << 63) - 1
    for time in (last, 0, 1, last, last - 1, 0):
        for event in (
            TaskEvent(CHECK, 30, 20, 30, 1, time, 0, 0, 0, b"dash", b"nginx", 0, SHELL_PATH),
            TaskEvent(EXEC, 30, 20, 30, 1, time, 0, 0, 0, b"sh", b"nginx", 0, SHELL_NAME),
            TaskEvent(EXEC, 31, 30, 31, 1, time, last, 0, 0, b"cat", b"sh", 0, 0),
            TaskEvent(EXIT, 31, 30, 31, 1, time, 0, 0, 0, b"cat", b"", 0, 0),
        ):
            assert core.apply(event) == plain.apply(event)
            check_same(core, plain)


def test_the_names_of_the_reference():

    public = {name for name in dir(ReferenceLineage) if not name.startswith("_")}
    assert public <= set(dir(Lineage))


numbers = st.sampled_from([0, 1, 2, 4096, 8192, (1 << 64) - 1])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(numbers, numbers, numbers, st.sampled_from([0, 1, 2]), names, st.booleans()),
        max_size=40,
    )
)
def test_known_files_at_random(uses):
    core, plain = KnownFiles(), ReferenceFiles()
    for host, device, inode, changed, comm, by_name in uses:
        file = host, device, inode, changed, comm
        assert core.is_shell(*file, by_name=by_name) is plain.is_shell(*file, by_name=by_name)


@settings(max_examples=200, deadline=None)
@given(streams(), st.integers(0, 60), st.sampled_from([3, 1000]))
def test_a_snapshot_at_any_point_continues_identically(events, cut, max_tasks):
    core, plain = pair(max_tasks=max_tasks)
    for event in events[:cut]:
        core.apply(event)
        plain.apply(event)
    data = snapshot(core)
    assert data == plain_snapshot.snapshot(plain)
    assert len(data) <= 88 * len(core) + 80 + 88 * 256 + 24 * 1024
    resumed, resumed_plain = pair(max_tasks=max_tasks)
    restore(resumed, data)
    plain_snapshot.restore(resumed_plain, data)
    assert snapshot(resumed) == data == plain_snapshot.snapshot(resumed_plain)
    for event in events[cut:]:
        hits = core.apply(event)
        assert resumed.apply(event) == hits
        assert resumed_plain.apply(event) == hits
        check_same(resumed, core)
    assert resumed.finish() == core.finish() == resumed_plain.finish()


def some_state():
    core, _ = pair()
    for pid in range(30, 40):
        core.apply(TaskEvent(EXEC, pid, 20, pid, 1, START + pid, comm=b"cat", prev_comm=b"nginx"))
        core.apply(TaskEvent(EXEC, pid + 50, 1, 0, 1, START + pid, comm=b"id", prev_comm=b"x"))
    return core, snapshot(core)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_snapshot_is_refused_and_changes_nothing(data):
    core, good = some_state()
    at = data.draw(st.integers(0, len(good) - 1))
    change = data.draw(st.sampled_from(["flip", "cut", "more"]))
    if change == "flip":
        bad = bytearray(good)
        bad[at] ^= data.draw(st.integers(1, 255))
        bad = bytes(bad)
    else:
        bad = good[:at] if change == "cut" else good + b"x"
    for lineage, put_back in ((core, restore), (pair()[1], plain_snapshot.restore)):
        with pytest.raises(SnapshotError):
            put_back(lineage, bad)
    assert snapshot(core) == good


def with_checksum(good, **numbers):
    names_ = ("magic", "version", "length", "sequence", "capacity", "max_tasks", "hand", "evicted",
              "has_exec", "tasks", "recents", "clocks")  # fmt: skip
    header = dict(zip(names_, HEADER.unpack_from(good), strict=True)) | numbers
    return sealed(HEADER.pack(*header.values()) + good[HEADER.size : -4])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"magic": b"XXXX"}, "this is no snapshot of lineage"),
        ({"version": 2}, "of version 2; expected 1"),
        ({"tasks": 1 << 20}, "bytes; expected"),
        ({"max_tasks": 7}, "of at most 7 tasks; expected 1000000"),
        ({"capacity": 3}, "contradict"),
        ({"capacity": 1 << 40}, "contradict"),
        ({"hand": 1 << 40}, "contradict"),
    ],
)
def test_a_snapshot_that_contradicts_itself(numbers, message):
    core, good = some_state()
    bad = with_checksum(good, **numbers)
    for lineage, put_back in ((core, restore), (pair()[1], plain_snapshot.restore)):
        with pytest.raises(SnapshotError, match=message):
            put_back(lineage, bad)
    with pytest.raises(SnapshotError, match="this is no snapshot"):
        restore(core, b"")


def test_a_snapshot_that_holds_a_task_twice():
    core, good = some_state()
    start, size = HEADER.size, TASK.size
    twice = good[:start] + good[start : start + size] * 2 + good[start + 2 * size : -4]
    for lineage, put_back in ((core, restore), (pair()[1], plain_snapshot.restore)):
        with pytest.raises(SnapshotError, match="something twice"):
            put_back(lineage, sealed(twice))
    assert snapshot(core) == good


def test_known_files_come_back():
    core, plain = KnownFiles(), ReferenceFiles()
    for inode in range(1, 50):
        for files in (core, plain):
            files.is_shell(1, 8, inode, 5, b"sh", by_name=True)
            files.is_shell(1, 8, inode, 5, b"x", by_name=False)
    data = core.snapshot()
    assert data == plain.snapshot()
    for files in (KnownFiles(), ReferenceFiles()):
        files.restore(data)
        assert files.snapshot() == data
        assert files.is_shell(1, 8, 7, 5, b"y", by_name=False)
        assert not files.is_shell(1, 8, 7, 5, b"z", by_name=False)
        with pytest.raises(SnapshotError, match="41 bytes are no snapshot"):
            files.restore(bytes(41))


def test_memory_is_bounded():
    core = Lineage(LISTS, max_tasks=2000)
    for pid in range(1, 20_000):
        core.apply(TaskEvent(EXEC, pid, 30_000, 0, 1, START + pid, comm=b"cat", prev_comm=b"nginx"))
    assert len(core) == 2000
    assert core.evicted > 17_000
    assert core.memory < 300_000
    assert Lineage(LISTS).memory < 200_000


def test_tasks_that_ended_make_room_before_the_table_grows():
    core, plain = pair()
    for pid in range(1, 5000):
        time = START + pid * 20 * MILLISECOND
        for event in (
            TaskEvent(EXEC, pid, 30_000, 0, 1, time, comm=b"cat", prev_comm=b"nginx"),
            TaskEvent(EXIT, pid, 30_000, 0, 1, time + 1, comm=b"cat"),
        ):
            core.apply(event)
            plain.apply(event)
        assert len(core) == len(plain)
    assert len(core) <= 1024
    assert core.memory < 100_000
