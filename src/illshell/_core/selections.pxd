"""Which rows of a block are marked: bitmaps, a bit a row, and lists of row numbers."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from illshell._core.columns cimport column
from illshell._core.rows cimport Rows


cdef enum:
    BLOCK = 16384         # rows of a block: enough that one wait for memory serves many rows
    BLOCK_WORDS = 256     # words of its bitmap

ctypedef struct selection:
    uint32_t rows[BLOCK]     # ascending, counted from the block's first row
    Py_ssize_t count

# Each takes the bitmap of a block's first ``span`` rows; ``base``: the block's first row.
cdef void mark_first(uint64_t *bits, int64_t count) noexcept nogil
cdef void mark(uint64_t *bits, const selection *s) noexcept nogil
cdef void list_marked(const uint64_t *bits, int64_t span, selection *s) noexcept nogil
cdef bint any_marked(const uint64_t *bits, int64_t span) noexcept nogil
cdef int append_marked(
    Rows rows, int64_t base, int64_t span, const uint64_t *bits) except -1 nogil
cdef void drop_nulls(
    const column *c, int64_t base, int64_t span, uint64_t *bits, uint64_t *nulls) noexcept nogil
