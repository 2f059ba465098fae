# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Hits: programs with marks below a web server, and the chains that lead to them."""

from libc.stdint cimport int32_t, int64_t, uint16_t
from libc.stdlib cimport realloc

from illshell._lineage.name_classes cimport SERVER, class_of, class_table
from illshell._lineage.task_event cimport BY_NAME, BY_PARENT, comm_words, task_event
from illshell._lineage.task_table cimport (
    IS_BELOW,
    IS_FORKED,
    IS_MAIN,
    IS_SERVER,
    find,
    task,
    task_table,
)


cdef int add_hit(
    hit_list *hits, const task_table *table, class_table *classes, int64_t sequence,
    const task_event *event, uint16_t marks, int evidence, const task *base, bint is_late
) except -1 nogil:
    cdef server_facts server = server_of(event, evidence, base)
    cdef lineage_hit *hit = new_hit(hits)
    cdef const task *main
    hit.sequence = sequence
    hit.event = event[0]
    hit.marks = marks
    hit.evidence = <uint8_t>evidence
    hit.is_late = is_late
    hit.is_whole = True
    hit.n_links = 0
    add_link(hit, event.pid, event.comm)
    if base != NULL and not base.flags & IS_SERVER:
        hit.is_whole = climb(table, hit, event, base, server.pid)
        if base.pid == event.pid and base.flags & IS_FORKED:
            hit.evidence = (
                BY_NAME if class_of(classes, base.comm) & SERVER else BY_PARENT
            )
    add_link(hit, server.pid, server.comm)
    hit.since_start = -1
    main = find(table, event.host, server.pid)
    if main != NULL and main.flags & IS_MAIN and hit.n_links == 2 and main.time \
            and event.time >= main.time:
        hit.since_start = event.time - main.time
    return 0


cdef bint climb(
    const task_table *table, lineage_hit *hit, const task_event *event, const task *base,
    int32_t server_pid
) noexcept nogil:
    """Append the tasks from base up to the server; return whether all of them are known."""
    cdef const task *parent
    cdef int32_t parent_pid = base.parent_pid
    if base.pid != event.pid or not base.flags & IS_FORKED:
        add_link(hit, base.pid, base.comm)
    while parent_pid != server_pid:
        parent = find(table, event.host, parent_pid)
        if parent == NULL or not parent.flags & IS_BELOW \
                or parent.server_pid != server_pid or hit.n_links == MAX_CHAIN - 1:
            return False
        add_link(hit, parent.pid, parent.comm)
        parent_pid = parent.parent_pid
    return True


cdef lineage_hit *new_hit(hit_list *hits) except NULL nogil:
    cdef int64_t capacity
    cdef lineage_hit *grown
    if hits.count == hits.capacity:
        capacity = 2 * hits.capacity if hits.capacity else 16
        grown = <lineage_hit *>realloc(hits.hits, capacity * sizeof(lineage_hit))
        if grown == NULL:
            with gil:
                raise MemoryError
        hits.hits = grown
        hits.capacity = capacity
    hits.count += 1
    return &hits.hits[hits.count - 1]


cdef inline void add_link(lineage_hit *hit, int32_t pid, comm_words comm) noexcept nogil:
    hit.links[hit.n_links].pid = pid
    hit.links[hit.n_links].comm = comm
    hit.n_links += 1
