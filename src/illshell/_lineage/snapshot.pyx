# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Snapshots of lineage; illshell/signatures/shell_below_web_server/state.py has their form."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memset

from illshell._lineage.lineage cimport Lineage
from illshell._lineage.name_classes cimport class_of
from illshell._lineage.recent cimport MAX_RECENT, recent_at, recent_event
from illshell._lineage.task_event cimport task_event
from illshell._lineage.task_table cimport (
    CLOCK_BITS,
    close_table,
    find,
    host_clock,
    index_task,
    open_table,
    resize,
    task,
    task_table,
)

from illshell.signatures.shell_below_web_server import state


def snapshot(Lineage lineage not None):
    """Return all that a Lineage keeps, as bytes."""
    cdef task_table *table = &lineage.table
    cdef int64_t i, n_clocks = 0
    cdef list parts = []
    for i in range(1 << CLOCK_BITS):
        n_clocks += table.clocks[i].is_known
    length = (
        state.HEADER.size + table.count * sizeof(task) + lineage.recent.count * state.RECENT.size
        + n_clocks * sizeof(host_clock) + state.CHECKSUM.size
    )
    parts.append(
        state.HEADER.pack(
            state.MAGIC, state.VERSION, length, lineage.sequence, table.capacity, table.max_tasks,
            table.hand, table.evicted, lineage.has_exec, table.count, lineage.recent.count,
            n_clocks,
        )
    )
    parts.append(PyBytes_FromStringAndSize(<char *>table.tasks, table.count * sizeof(task)))
    for i in range(lineage.recent.count):
        parts.append(recent_bytes(recent_at(&lineage.recent, <int>i)))
    for i in range(1 << CLOCK_BITS):
        if table.clocks[i].is_known:
            parts.append(PyBytes_FromStringAndSize(<char *>&table.clocks[i], sizeof(host_clock)))
    return state.sealed(b"".join(parts))


def restore(Lineage lineage not None, bytes data not None):
    """Replace all that a Lineage keeps. Raises SnapshotError, and then changes nothing."""
    cdef task_table table
    cdef recent_event recents[MAX_RECENT]
    cdef const uint8_t *at = <const uint8_t *>data
    cdef host_clock clock
    cdef uint64_t i, slot, n_tasks, n_clocks
    cdef int n_recent
    sequence, capacity, max_tasks, hand, evicted, has_exec, tasks, count, clocks = state.opened(
        data, lineage.table.max_tasks
    )
    if count > MAX_RECENT:
        raise damaged()
    n_tasks, n_recent, n_clocks = tasks, count, clocks
    at += <uint64_t>state.HEADER.size
    memset(&table, 0, sizeof(table))
    try:
        open_table(&table, max_tasks, lineage.table.window)
        resize(&table, capacity)
        for i in range(n_tasks):
            memcpy(&table.tasks[i], at + i * sizeof(task), sizeof(task))
            if find(&table, table.tasks[i].host, table.tasks[i].pid) != NULL:
                raise damaged()
            index_task(&table, table.count)
            table.count += 1
        at += n_tasks * sizeof(task)
        for i in range(<uint64_t>n_recent):
            recents[i] = recent_of(lineage, data, <int64_t>(at - <const uint8_t *>data))
            at += <uint64_t>state.RECENT.size
        for i in range(n_clocks):
            memcpy(&clock, at + i * sizeof(host_clock), sizeof(host_clock))
            slot = (clock.host * <uint64_t>0x9E3779B97F4A7C15) >> (64 - CLOCK_BITS)
            if table.clocks[slot].is_known:
                raise damaged()
            clock.is_known = 1
            table.clocks[slot] = clock
        table.hand, table.evicted = hand, evicted
        table, lineage.table = lineage.table, table
    finally:
        close_table(&table)
    lineage.sequence, lineage.has_exec = sequence, has_exec
    memcpy(lineage.recent.events, recents, n_recent * sizeof(recent_event))
    lineage.recent.first, lineage.recent.count = 0, n_recent
    lineage.hits.count = 0


cdef damaged():
    return state.SnapshotError("the snapshot is damaged: it holds something twice or too much")


cdef bytes recent_bytes(const recent_event *entry):
    cdef const task_event *event = &entry.event
    return state.RECENT.pack(
        entry.sequence, event.host, event.time, event.start_time, event.pid, event.parent_pid,
        event.tid, event.entity, event.parent_entity, event.marks, event.kind, event.hints,
        (<const char *>&event.comm)[:16], (<const char *>&event.prev_comm)[:16],
    )


cdef recent_event recent_of(Lineage lineage, bytes data, int64_t at) except *:
    cdef recent_event entry
    cdef task_event *event = &entry.event
    memset(&entry, 0, sizeof(entry))
    (
        entry.sequence, event.host, event.time, event.start_time, event.pid, event.parent_pid,
        event.tid, event.entity, event.parent_entity, event.marks, event.kind, event.hints,
        comm, prev_comm,
    ) = state.RECENT.unpack_from(data, at)
    memcpy(&event.comm, <const char *><bytes>comm, 16)
    memcpy(&event.prev_comm, <const char *><bytes>prev_comm, 16)
    event.comm_class = class_of(&lineage.classes.table, event.comm)
    event.prev_class = class_of(&lineage.classes.table, event.prev_comm)
    return entry
