"""Which task an event is about, and whose child that is; docs/lineage.md has the rules."""

from libc.stdint cimport int64_t

from illshell._lineage.name_classes cimport SERVER
from illshell._lineage.task_event cimport EXIT, FORK, name_hash, same_comm, task_event
from illshell._lineage.task_table cimport (
    HAS_EXITED,
    IS_MAIN,
    IS_PENDING,
    IS_SERVER,
    find,
    task,
    task_table,
)


cdef enum:
    # A task without identity counts as the same under another name for so many seconds.
    FRESH_SECONDS = 30


cdef inline bint is_fresh(const task *known, const task_event *event) noexcept nogil:
    return event.time - known.seen <= <int64_t>FRESH_SECONDS * 1_000_000_000


cdef inline bint is_identified_as(const task *known, const task_event *event) noexcept nogil:
    if event.entity and known.entity:
        return event.entity == known.entity
    return event.start_time != 0 and event.start_time == known.start_time


cdef inline bint may_be(const task *known, const task_event *event) noexcept nogil:
    if event.entity and known.entity:
        return event.entity == known.entity
    if event.start_time and known.start_time and (event.tid == 0 or event.tid == event.pid):
        return event.start_time == known.start_time
    if known.flags & HAS_EXITED and event.time > known.seen:
        return False
    if event.kind == EXIT:
        return True
    if known.flags & IS_PENDING and known.check_hash == name_hash(event.prev_comm):
        return event.parent_pid == known.parent_pid
    if event.prev_class & SERVER and not same_comm(event.prev_comm, known.comm):
        return known.flags & IS_SERVER != 0
    if event.parent_pid == known.parent_pid:
        return True
    return same_comm(event.prev_comm, known.comm) and (
        event.parent_pid <= 1 or known.parent_pid == 0 or is_fresh(known, event)
    )


cdef inline task *linked_parent(
    const task_table *table, const task_event *event, int64_t newest
) noexcept nogil:
    """Return the parent's task where it surely is the one of that pid."""
    cdef task *parent
    if event.parent_pid == 0 or event.parent_pid == event.pid:
        return NULL
    parent = find(table, event.host, event.parent_pid)
    if parent == NULL:
        return NULL
    if event.parent_entity and parent.entity:
        return parent if event.parent_entity == parent.entity else NULL
    if parent.flags & HAS_EXITED and (
        event.time > parent.seen or parent.seen < newest - table.window
    ):
        return NULL
    if event.start_time and parent.start_time:
        return parent if event.start_time >= parent.start_time else NULL
    if parent.flags & IS_MAIN or is_fresh(parent, event) or same_comm(
        event.comm if event.kind == FORK else event.prev_comm, parent.comm
    ):
        return parent
    return NULL


cdef inline bint is_pair(
    const task_table *table, const task *known, const task_event *event
) noexcept nogil:
    cdef int64_t apart = event.time - known.time
    return known.flags & IS_PENDING != 0 and (
        -table.window <= apart <= table.window
    )
