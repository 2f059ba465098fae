"""Hits, and which server a task is below."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from illshell._lineage.name_classes cimport class_table
from illshell._lineage.task_event cimport BY_PARENT, comm_words, task_event
from illshell._lineage.task_table cimport IS_SERVER, task, task_table


cdef enum:
    MAX_CHAIN = 10


ctypedef struct chain_link:
    int32_t pid
    comm_words comm


# A program with marks that was executed below a web server; task_events.Hit describes it.
ctypedef struct lineage_hit:
    int64_t sequence
    int64_t since_start
    task_event event
    uint16_t marks
    uint8_t evidence
    uint8_t is_whole
    uint8_t is_late
    uint8_t n_links
    chain_link links[MAX_CHAIN]     # from the program up to the server


ctypedef struct hit_list:
    lineage_hit *hits
    int64_t count
    int64_t capacity


# What a task's server is: its pid, name, and the depth below it.
ctypedef struct server_facts:
    int32_t pid
    comm_words comm
    uint8_t depth


# Append a hit of an event whose server follows from base, or from its name where that is NULL.
cdef int add_hit(
    hit_list *hits, const task_table *table, class_table *classes, int64_t sequence,
    const task_event *event, uint16_t marks, int evidence, const task *base, bint is_late
) except -1 nogil


cdef inline server_facts server_of(
    const task_event *event, int evidence, const task *base
) noexcept nogil:
    cdef server_facts server
    if base == NULL:
        server.pid, server.comm, server.depth = event.parent_pid, event.prev_comm, 1
    elif base.flags & IS_SERVER:
        server.pid, server.comm, server.depth = base.pid, base.server_comm, 1
    else:
        server.pid, server.comm, server.depth = base.server_pid, base.server_comm, base.depth
        if evidence == BY_PARENT and base.depth < 255:
            server.depth += 1
    return server
