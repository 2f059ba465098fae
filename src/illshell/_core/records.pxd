"""Tracee's binary records where they lie, and how their framing is read."""

from libc.stdint cimport int64_t, uint8_t

from illshell._core.columns cimport Buffer


ctypedef struct record_reader:
    const uint8_t *data
    int64_t size
    int64_t record_size      # 0: each record has its size before it
    int64_t event_id_at
    int64_t argnum_at
    int64_t args_at


cdef class Records:
    cdef Buffer buffer
    cdef readonly object layout
    cdef record_reader reader
    cdef int64_t count
    cdef int64_t *marks      # where every MARK_SPANth record starts, if their sizes differ
