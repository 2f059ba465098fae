"""Snapshots of lineage: the reference implementation of ``illshell._lineage.snapshot``."""

from __future__ import annotations

from collections import deque

from illshell.signatures.shell_below_web_server import state
from illshell.signatures.shell_below_web_server.limits import MAX_RECENT
from illshell.signatures.shell_below_web_server.reference.host_clocks import HostClock, slot_of
from illshell.signatures.shell_below_web_server.reference.lineage import Lineage, Recent
from illshell.signatures.shell_below_web_server.reference.task_table import Task
from illshell.signatures.shell_below_web_server.task_events import TaskEvent


def snapshot(lineage: Lineage) -> bytes:
    """Return all that a Lineage keeps, as bytes."""
    table = lineage._table
    clocks = sorted(table.clocks.clocks.items())
    parts = [
        state.TASK.pack(
            task.host, task.pid, task.parent_pid, task.time, task.seen, task.start_time,
            task.entity, task.server_pid, task.check_hash, task.flags, task.depth, task.age,
            task.comm, task.server_comm,
        )
        for task in table.tasks
    ]  # fmt: skip
    parts += [
        state.RECENT.pack(
            entry.sequence, event.host, event.time, event.start_time, event.pid, event.parent_pid,
            event.tid, event.entity, event.parent_entity, event.marks, event.kind, event.hints,
            event.comm, event.prev_comm,
        )
        for entry in lineage._recent
        for event in [entry.event]
    ]  # fmt: skip
    parts += [state.CLOCK.pack(clock.host, clock.newest, clock.strikes, 1) for _, clock in clocks]
    length = state.HEADER.size + sum(map(len, parts)) + state.CHECKSUM.size
    header = state.HEADER.pack(
        state.MAGIC, state.VERSION, length, lineage.sequence, table.capacity, table.max_tasks,
        table.hand, table.evicted, lineage._has_exec, len(table.tasks), len(lineage._recent),
        len(clocks),
    )  # fmt: skip
    return state.sealed(b"".join([header, *parts]))


def restore(lineage: Lineage, data: bytes) -> None:
    """Replace all that a Lineage keeps. Raises SnapshotError, and then changes nothing."""
    table = lineage._table
    sequence, capacity, _, hand, evicted, has_exec, n_tasks, n_recent, n_clocks = state.opened(
        data, table.max_tasks
    )
    at = state.HEADER.size
    tasks, recents, clocks = [], [], {}
    for _ in range(n_tasks):
        (
            host, pid, parent_pid, time, seen, start_time, entity, server_pid, check_hash, flags,
            depth, age, comm, server_comm,
        ) = state.TASK.unpack_from(data, at)  # fmt: skip
        at += state.TASK.size
        tasks.append(
            Task(
                host, pid, parent_pid, time, seen, start_time, entity, comm.rstrip(b"\0"), flags,
                depth, age, server_pid, server_comm.rstrip(b"\0"), check_hash,
            )
        )  # fmt: skip
    for _ in range(n_recent):
        (
            number, host, time, start_time, pid, parent_pid, tid, entity, parent_entity, marks,
            kind, hints, comm, prev_comm,
        ) = state.RECENT.unpack_from(data, at)  # fmt: skip
        at += state.RECENT.size
        event = TaskEvent(
            kind, pid, parent_pid, tid, host, time, start_time, entity, parent_entity,
            comm.rstrip(b"\0"), prev_comm.rstrip(b"\0"), hints, marks,
        )  # fmt: skip
        recents.append(Recent(number, event))
    for _ in range(n_clocks):
        host, newest, strikes, _one = state.CLOCK.unpack_from(data, at)
        at += state.CLOCK.size
        clocks[slot_of(host)] = HostClock(host, newest, strikes)
    keys = {(task.host, task.pid) for task in tasks}
    if len(keys) != n_tasks or n_recent > MAX_RECENT or len(clocks) != n_clocks:
        raise state.SnapshotError("the snapshot is damaged: it holds something twice or too much")
    table.capacity, table.hand, table.evicted = capacity, hand, evicted
    table.restore(tasks)
    table.clocks.clocks = clocks
    lineage.sequence, lineage._has_exec = sequence, bool(has_exec)
    lineage._recent = deque(recents)
