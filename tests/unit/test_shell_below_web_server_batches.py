"""ILL-1001 on packed events, and its snapshots: the same findings as one event after the other."""

import make_lab_events
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from task_streams import Stream

from illshell._lineage.columns import TaskColumns
from illshell.model.errors import IllshellError
from illshell.model.event import Event, EventHeaders, SignatureEventSelector
from illshell.model.position import ByteRange
from illshell.model.signature import SignatureContext, SourceComplete
from illshell.signatures.illegitimate_shell.names import EVENTS
from illshell.signatures.shell_below_web_server.signature import Options, ShellBelowWebServer
from illshell.signatures.shell_below_web_server.state import SnapshotError
from illshell.signatures.shell_below_web_server.tracee_events import KINDS

DONE = SourceComplete("tracee")
LAB = [event for row in make_lab_events.load_capture() for event in make_lab_events.events_of(row)]


def columns_of(events):
    def texts(values):
        return np.array([(value or "").encode() for value in values], "S")

    def argument(event, name):
        return next((arg["value"] for arg in event["args"] if arg["name"] == name), "")

    def numbers(key):
        return np.array([event.get(key, 0) for event in events], np.int64)

    return TaskColumns(
        {
            "kind": np.array([KINDS[event["eventName"]] for event in events], np.uint8),
            "pid": numbers("hostProcessId"),
            "parent_pid": numbers("hostParentProcessId"),
            "tid": numbers("hostThreadId"),
            "time": numbers("timestamp"),
            "host_name": texts(event["hostName"] for event in events),
            "comm": texts(event["processName"] for event in events),
            "prev_comm": texts(
                event["processName"]
                if event["eventName"] == "security_bprm_check"
                else argument(event, "prev_comm")
                for event in events
            ),
            "pathname": texts(argument(event, "pathname") for event in events),
            "cmdpath": texts(argument(event, "cmdpath") for event in events),
            "interp": texts(argument(event, "interp") for event in events),
        }
    )


def started(options=None):
    findings = []
    signature = ShellBelowWebServer(options)
    signature.init(SignatureContext(findings.append))
    return signature, findings


def one_by_one(events, options=None):
    signature, findings = started(options)
    for event in events:
        signature.on_event(event)
    signature.on_signal(DONE)
    return findings


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 250), st.permutations(range(-3, 4)), st.booleans())
def test_batches_of_any_size_find_what_single_events_do(size, shuffle, beside_exact):
    options = Options(exact_events=EVENTS) if beside_exact else None
    # In some disorder, so that findings are late and reach into earlier batches.
    events = [
        LAB[i + shuffle[i % 7]]
        for i in range(3, len(LAB) - 3)
        if 0 <= i + shuffle[i % 7] < len(LAB)
    ]
    expected = one_by_one(events, options)
    signature, findings = started(options)
    for start in range(0, len(events), size):
        batch = events[start : start + size]
        assert signature.on_columns(columns_of(batch), batch.__getitem__) == []
    signature.on_signal(DONE)
    assert findings == expected
    # Some orders lose most of the parents; none loses every shell.
    assert beside_exact or expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, len(LAB)), st.booleans())
def test_a_snapshot_at_any_point_continues_identically(cut, packed):
    expected = one_by_one(LAB)
    signature, before = started()
    for event in LAB[:cut]:
        signature.on_event(event)
    resumed, after = started()
    resumed.restore(signature.snapshot())
    if packed:
        resumed.on_columns(columns_of(LAB[cut:]), LAB[cut:].__getitem__)
    else:
        for event in LAB[cut:]:
            resumed.on_event(event)
    resumed.on_signal(DONE)
    assert before + after == expected


def test_a_snapshot_keeps_events_that_wait_and_files():
    stream = Stream()
    first = stream.exec(30, 20, "php-fpm8.2", "timeout")
    shell = stream.exec(31, 30, "timeout", "sh", dev=8, inode=7)
    other = stream.exec(32, 20, "php-fpm8.2", "kworker", "/tmp/kworker", dev=8, inode=7)
    selector = SignatureEventSelector("tracee", "sched_process_exec", "host")
    headers = EventHeaders(selector, ByteRange("x", 5, 9), b"not kept")
    signature, _ = started()
    signature.on_event(Event(headers, shell))
    resumed, findings = started()
    resumed.restore(signature.snapshot())
    resumed.on_event(first)
    resumed.on_event(other)
    assert findings[0].event == Event(EventHeaders(selector, ByteRange("x", 5, 9)), shell)
    assert findings[1].data["why"]["rules"] == ["same-file"]


def test_a_damaged_snapshot_is_refused():
    signature, _ = started()
    for event in LAB[:100]:
        signature.on_event(event)
    good = signature.snapshot()
    for bad, message in (
        (b"", "this is no snapshot of ILL-1001"),
        (good[:-1], "bytes; expected"),
        (good[:-1] + bytes([good[-1] ^ 1]), "checksum"),
        (good[:4] + b"\x07" + good[5:], "of version 7"),
    ):
        with pytest.raises(SnapshotError, match=message):
            signature.restore(bad)
    small = ShellBelowWebServer(Options(max_tasks=10))
    with pytest.raises(SnapshotError, match="at most 1000000 tasks; expected 10"):
        small.restore(good)
    assert signature.snapshot() == good


def test_rows_whose_event_can_not_be_had():
    stream = Stream()
    stream.exec(30, 20, "nginx", "sh")
    stream.exec(31, 20, "nginx", "busybox")
    stream.exec(32, 20, "nginx", "zsh")
    signature, findings = started()

    def event_at(row):
        if row < 2:
            raise ValueError(f"row {row}")
        return stream.events[row]

    errors = signature.on_columns(columns_of(stream.events), event_at)
    assert [(row, str(error)) for row, error in errors] == [(0, "row 0"), (1, "row 1")]
    assert [finding.event for finding in findings] == stream.events[2:]


def test_a_late_finding_whose_event_could_not_be_had_is_left_out():
    stream = Stream()
    first = stream.exec(30, 20, "php-fpm8.2", "timeout")
    shell = stream.exec(31, 30, "timeout", "sh")
    signature, findings = started()

    def fail(row):
        raise ValueError(f"row {row}")

    assert [row for row, _ in signature.on_columns(columns_of([shell]), fail)] == [0]
    signature.on_event(first)
    assert findings == []


def test_arguments_are_asked_for():
    stream = Stream()
    stream.exec(30, 20, "nginx", "busybox", argv=["busybox", "ls"])
    stream.exec(31, 20, "nginx", "busybox", argv=["busybox", "sh"])
    stream.exec(40, 1, "bash", "node", argv=["node", "server.js"])
    stream.exec(41, 40, "node", "sh")
    signature, findings = started()
    signature.on_columns(columns_of(stream.events), stream.events.__getitem__)
    assert [finding.event for finding in findings] == [stream.events[1], stream.events[3]]


def test_only_after_init_and_until_close():
    signature = ShellBelowWebServer()
    columns = columns_of(LAB[:2])
    with pytest.raises(IllshellError, match="before init"):
        signature.on_columns(columns, LAB.__getitem__)
    signature.init(SignatureContext(print))
    signature.close()
    assert signature.on_columns(columns, LAB.__getitem__) == []
