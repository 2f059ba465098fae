# cython: language_level=3
# cython: embedsignature=True, freethreading_compatible=True
"""Python's objects for events and hits, made from the core's structs and turned into them."""

from libc.string cimport memcpy, memset

from illshell._lineage.task_event cimport comm_words, task_event

from illshell.signatures.shell_below_web_server.task_events import Hit, Link, TaskEvent


cdef task_event event_of(event) except *:
    """Return the struct of a TaskEvent; OverflowError for a number that does not fit."""
    cdef task_event made
    memset(&made, 0, sizeof(made))
    (
        made.kind, made.pid, made.parent_pid, made.tid, made.host, made.time, made.start_time,
        made.entity, made.parent_entity, comm, prev_comm, made.hints, made.marks,
    ) = event
    made.comm = words_of(comm)
    made.prev_comm = words_of(prev_comm)
    return made


cdef comm_words words_of(bytes comm) except *:
    cdef comm_words words
    if len(comm) > 15 or b"\0" in comm:
        raise ValueError(f"{comm!r} is no comm: at most 15 bytes, none of them NUL")
    cdef bytes padded = comm.ljust(16, b"\0")
    memcpy(&words, <const char *>padded, 16)
    return words


cdef bytes comm_of(comm_words words):
    return (<const char *>&words)[:16].rstrip(b"\0")


cdef object hit_of(const lineage_hit *hit):
    cdef const task_event *event = &hit.event
    cdef int i
    return Hit(
        hit.sequence,
        TaskEvent(
            event.kind, event.pid, event.parent_pid, event.tid, event.host, event.time,
            event.start_time, event.entity, event.parent_entity, comm_of(event.comm),
            comm_of(event.prev_comm), event.hints, event.marks,
        ),
        hit.marks,
        hit.evidence,
        tuple([
            Link(hit.links[i].pid, comm_of(hit.links[i].comm))
            for i in range(hit.n_links - 1, -1, -1)
        ]),
        bool(hit.is_whole),
        hit.since_start,
        bool(hit.is_late),
    )
