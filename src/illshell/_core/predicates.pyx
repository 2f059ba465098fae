"""Predicates: bound to a column for the time of a match."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport calloc, free

from illshell._core.columns cimport INDEXED, column


cdef int bind(predicate *p, const column *c) except -1:
    p.c = c
    p.memo = NULL
    p.damaged = -1
    if c != NULL and c.layout == INDEXED:
        p.memo = <uint8_t *>calloc(c.values.length + 1, 1)
        if p.memo == NULL:
            raise MemoryError
    return 0


cdef void release(predicate *p) noexcept nogil:
    free(p.memo)
    p.memo = NULL
