"""Lineage: what it keeps, and what it decides."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cimport cython

from illshell._lineage.hits cimport hit_list
from illshell._lineage.name_classes cimport NameClasses
from illshell._lineage.recent cimport recent_events
from illshell._lineage.task_event cimport comm_words, task_event
from illshell._lineage.task_table cimport task, task_table


@cython.final
cdef class Lineage:
    cdef task_table table
    cdef recent_events recent
    cdef hit_list hits
    cdef readonly NameClasses classes
    cdef readonly bint every_event
    cdef readonly int64_t sequence
    cdef int64_t newest
    cdef bint has_exec

    # Take the next event, with the classes of its names; hits are appended. Needs no GIL.
    cdef int take(self, const task_event *event) except -1 nogil
    cdef int drop_oldest_recent(self) except -1 nogil
    # Return the hits as Python objects, and forget them.
    cdef list take_hits(self)

    cdef int exec(self, int64_t sequence, const task_event *event) except -1 nogil
    cdef int check(self, int64_t sequence, const task_event *event) except -1 nogil
    cdef int await_exec(self, int64_t sequence, const task_event *event, task *own) except -1 nogil
    cdef void set_pending(self, task *own, const task_event *event) noexcept nogil
    cdef int fork(self, const task_event *event) except -1 nogil
    cdef int exit(self, const task_event *event) except -1 nogil
    cdef int execute(
        self, int64_t sequence, const task_event *event, task *own, uint16_t marks,
        bint is_former, bint is_joined
    ) except -1 nogil
    cdef int settle(
        self, const task_event *event, task *own, int evidence, task *base, bint is_server
    ) except -1 nogil
    cdef int base(self, const task_event *event, task *own, task **base) noexcept nogil
    cdef task *own(self, const task_event *event, bint *is_former) noexcept nogil
    cdef int learn(self, const task_event *event, int evidence) except -1 nogil
    cdef task *teach(self, const task_event *event, comm_words comm) except NULL nogil
    cdef int hit(
        self, int64_t sequence, const task_event *event, uint16_t marks, int evidence,
        const task *base, bint is_late
    ) except -1 nogil
    cdef int remember(self, int64_t sequence, const task_event *event) except -1 nogil
    cdef bint is_over(self, const task_event *event) noexcept nogil
    cdef int resolve(self, const task_event *event) except -1 nogil
