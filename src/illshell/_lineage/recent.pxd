"""Execs below no known server, and deferred checks: a ring of the latest, in their order."""

from libc.stdint cimport int64_t

from illshell._lineage.task_event cimport CHECK, task_event


cdef enum:
    MAX_RECENT = 256


ctypedef struct recent_event:
    int64_t sequence
    task_event event


ctypedef struct recent_events:
    recent_event events[MAX_RECENT]
    int first
    int count


cdef inline recent_event *recent_at(recent_events *recent, int number) noexcept nogil:
    return &recent.events[(recent.first + number) & (MAX_RECENT - 1)]


cdef inline void append_recent(
    recent_events *recent, int64_t sequence, const task_event *event
) noexcept nogil:
    """Append an event; there must be room."""
    cdef recent_event *entry = recent_at(recent, recent.count)
    entry.sequence = sequence
    entry.event = event[0]
    recent.count += 1


cdef inline void forget_recent(recent_events *recent, int number) noexcept nogil:
    recent.count -= 1
    if number == 0:
        recent.first = (recent.first + 1) & (MAX_RECENT - 1)
        return
    while number < recent.count:
        recent_at(recent, number)[0] = recent_at(recent, number + 1)[0]
        number += 1


cdef inline void forget_checks(recent_events *recent, const task_event *event) noexcept nogil:
    """Forget the deferred checks of an event's task."""
    cdef int i = 0
    cdef const task_event *check
    while i < recent.count:
        check = &recent_at(recent, i).event
        if check.kind == CHECK and check.pid == event.pid and check.host == event.host:
            forget_recent(recent, i)
        else:
            i += 1


cdef inline bint is_recent(recent_events *recent, const task_event *event) noexcept nogil:
    """Whether an event of the same task is there."""
    cdef int i
    cdef const task_event *other
    for i in range(recent.count):
        other = &recent_at(recent, i).event
        if other.pid == event.pid and other.host == event.host:
            return True
    return False
