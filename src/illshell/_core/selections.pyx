"""Which rows of a block are marked."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from illshell._core.columns cimport INDEXED, column, index_at, is_valid
from illshell._core.intrinsics cimport load_8, lowest_bit
from illshell._core.rows cimport Rows


cdef void mark_first(uint64_t *bits, int64_t count) noexcept nogil:
    """Mark the block's first rows, and no other."""
    memset(bits, 0, BLOCK_WORDS * sizeof(uint64_t))
    memset(bits, 0xff, <size_t>(count >> 6) * sizeof(uint64_t))
    if count & 63:
        bits[count >> 6] = (<uint64_t>1 << (count & 63)) - 1


cdef void mark(uint64_t *bits, const selection *s) noexcept nogil:
    """Mark the listed rows besides those that are marked."""
    cdef Py_ssize_t i
    for i in range(s.count):
        bits[s.rows[i] >> 6] |= <uint64_t>1 << (s.rows[i] & 63)


cdef void list_marked(const uint64_t *bits, int64_t span, selection *s) noexcept nogil:
    """List the marked rows."""
    cdef uint64_t left
    cdef int64_t word
    cdef Py_ssize_t kept = 0
    cdef uint32_t row
    for word in range((span + 63) >> 6):
        left = bits[word]
        row = <uint32_t>(64 * word)
        while left:
            s.rows[kept] = row + lowest_bit(left)
            kept += 1
            left &= left - 1
    s.count = kept


cdef bint any_marked(const uint64_t *bits, int64_t span) noexcept nogil:
    cdef int64_t word
    cdef uint64_t any_bit = 0
    for word in range((span + 63) >> 6):
        any_bit |= bits[word]
    return any_bit != 0


cdef int append_marked(
    Rows rows, int64_t base, int64_t span, const uint64_t *bits
) except -1 nogil:
    """Append the numbers of the marked rows."""
    cdef int64_t word
    cdef uint64_t left
    for word in range((span + 63) >> 6):
        left = bits[word]
        while left:
            rows.append(base + 64 * word + lowest_bit(left))
            left &= left - 1
    return 0


cdef void drop_nulls(
    const column *c, int64_t base, int64_t span, uint64_t *bits, uint64_t *nulls
) noexcept nogil:
    """Move the marks of null rows from the one bitmap into the other; c == NULL: all of them."""
    cdef int64_t word
    cdef uint64_t null
    if c != NULL and c.validity == NULL and (c.layout != INDEXED or c.values.validity == NULL):
        return
    for word in range((span + 63) >> 6):
        if bits[word] == 0:
            continue
        null = bits[word] if c == NULL else bits[word] & nulls_at(
            c, base + 64 * word, min(<int64_t>64, span - 64 * word))
        nulls[word] |= null
        bits[word] ^= null


cdef inline uint64_t nulls_at(const column *c, int64_t row, int64_t count) noexcept nogil:
    """Return a bit for each of at most 64 rows: whether it is null."""
    cdef uint64_t null = 0, index
    cdef int64_t bit = c.validity_offset + row, i
    cdef const uint8_t *bytes = c.validity + (bit >> 3) if c.validity != NULL else NULL
    cdef int shift = <int>(bit & 7)
    if bytes != NULL and count == 64:
        null = ~load_8(bytes) >> shift
        if shift:
            null |= <uint64_t><uint8_t>~bytes[8] << (64 - shift)
    elif bytes != NULL:
        for i in range(count):
            null |= <uint64_t>(not is_valid(c, row + i)) << i
    if c.layout == INDEXED and c.values.validity != NULL:
        for i in range(count):
            index = index_at(c, row + i)
            if index < <uint64_t>c.values.length and not is_valid(c.values, <int64_t>index):
                null |= <uint64_t>1 << i
    return null
