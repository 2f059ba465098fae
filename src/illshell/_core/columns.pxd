"""Columns in memory that somebody else owns, and how a value of a row is read without the GIL."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from illshell._core.intrinsics cimport load_2, load_4, load_8, unlikely


cdef extern from "illshell_core.h":
    enum:
        # Layouts
        FIXED "ILLSHELL_FIXED"
        OFFSETS_32 "ILLSHELL_OFFSETS_32"
        OFFSETS_64 "ILLSHELL_OFFSETS_64"
        VIEWS "ILLSHELL_VIEWS"
        INDEXED "ILLSHELL_INDEXED"
        INTEGERS "ILLSHELL_INTEGERS"
        BITS "ILLSHELL_BITS"
        # Kinds
        BYTES "ILLSHELL_BYTES"
        INT64 "ILLSHELL_INT64"
        BOOL "ILLSHELL_BOOL"

    ctypedef struct text "illshell_text":
        const uint8_t *data
        int64_t length

    ctypedef struct column "illshell_column":
        int layout
        int kind
        int64_t length
        const uint8_t *validity
        int64_t validity_offset
        const uint8_t *data
        int64_t data_size
        ptrdiff_t stride
        int64_t width
        int is_signed
        int64_t bit_offset
        const uint8_t *items
        int index_bytes
        int64_t n_buffers
        const uint8_t **buffers
        int64_t *buffer_sizes
        const column *values


cdef class Buffer:
    cdef Py_buffer view
    cdef bint held


cdef class Column:
    cdef column c
    cdef list owners
    cdef void keep(self, owner) noexcept


cdef inline bint is_valid(const column *c, int64_t row) noexcept nogil:
    """Whether the row is not null; of INDEXED, whether its index is not."""
    cdef int64_t bit = c.validity_offset + row
    return c.validity == NULL or (c.validity[bit >> 3] >> (bit & 7)) & 1


cdef inline uint64_t index_at(const column *c, int64_t row) noexcept nogil:
    """Return the index of a row of an INDEXED column; one that is negative comes out huge."""
    if c.index_bytes == 4:
        return load_4(c.items + 4 * row)
    if c.index_bytes == 1:
        return c.items[row]
    if c.index_bytes == 2:
        return load_2(c.items + 2 * row)
    return load_8(c.items + 8 * row)


cdef inline bint span_at(
    const column *c, uint64_t first, uint64_t last, const uint8_t **value, int64_t *length,
    const uint8_t **end
) noexcept nogil:
    if unlikely(first > last or last > <uint64_t>c.data_size):
        return False
    value[0] = c.data + first
    length[0] = <int64_t>(last - first)
    end[0] = c.data + c.data_size
    return True


cdef inline int view_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil:
    cdef const uint8_t *view = c.items + 16 * row
    cdef uint64_t size = load_4(view), buffer, start
    if size <= 12:
        value[0] = view + 4
        end[0] = view + 16
    else:
        buffer = load_4(view + 8)
        start = load_4(view + 12)
        if buffer >= <uint64_t>c.n_buffers or start + size > <uint64_t>c.buffer_sizes[buffer]:
            return -1
        value[0] = c.buffers[buffer] + start
        end[0] = c.buffers[buffer] + c.buffer_sizes[buffer]
    length[0] = <int64_t>size
    return 1


cdef inline int plain_value_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil:
    """Find the bytes of a row that is not null, in any layout but INDEXED: 1, or -1 if damaged.

    ``value`` may be read from its first byte up to ``end``, which is at or behind its last.
    """
    if c.layout == OFFSETS_32:
        return 1 if span_at(
            c, load_4(c.items + 4 * row), load_4(c.items + 4 * row + 4), value, length, end
        ) else -1
    if c.layout == OFFSETS_64:
        return 1 if span_at(
            c, load_8(c.items + 8 * row), load_8(c.items + 8 * row + 8), value, length, end
        ) else -1
    if c.layout == VIEWS:
        return view_at(c, row, value, length, end)
    value[0] = c.data + row * c.stride
    end[0] = value[0] + c.width
    length[0] = c.width
    while length[0] > 0 and value[0][length[0] - 1] == 0:
        length[0] -= 1
    return 1


# The value of a row of a column of BYTES: 1 and the value, 0 if it is null, -1 if it lies outside
# the column's buffers. Bytes from the value's first one up to ``end`` may be read.
cdef int value_at(
    const column *c, int64_t row, const uint8_t **value, int64_t *length, const uint8_t **end
) noexcept nogil

# The value of a row of a column of INT64 or BOOL: 1 and the value, 0 if it is null, -1 if its index
# lies outside the dictionary or the integer is beyond int64.
cdef int int64_at(const column *c, int64_t row, int64_t *value) noexcept nogil
