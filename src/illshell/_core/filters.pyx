"""Filters: keep of the listed rows those that a predicate holds for, a loop for each layout.

Most rows fail, so names are looked up in two passes: first in a bitmap that a hash of a name's
first word points into, which passes the names and few others; then exactly.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from illshell._core.columns cimport (
    FIXED,
    INDEXED,
    OFFSETS_32,
    OFFSETS_64,
    VIEWS,
    column,
    view_at,
)
from illshell._core.intrinsics cimport (
    load,
    load_4,
    load_8,
    prefetch,
    prefetch_at,
    unlikely,
    unsigned_t,
)
from illshell._core.names cimport filter_bit, first_word, has_basename, has_words
from illshell._core.predicates cimport (
    IS_BASENAME,
    IS_NAME,
    UNKNOWN,
    YES,
    evaluate_row,
    note_damage,
    predicate,
)
from illshell._core.selections cimport selection

cdef enum:
    # Listed rows lie far apart in memory: so many before a row its cache line is asked for.
    PREFETCH_DISTANCE = 10


cdef void keep(predicate *p, int64_t base, selection *s) noexcept nogil:
    cdef const column *c = p.c
    if s.count == 0:
        return
    if c == NULL:
        s.count = 0
    elif c.layout == INDEXED:
        if c.index_bytes == 4:
            keep_indexed[uint32_t](p, <const uint32_t *>(c.items + 4 * base), base, s)
        elif c.index_bytes == 1:
            keep_indexed[uint8_t](p, c.items + base, base, s)
        elif c.index_bytes == 2:
            keep_indexed[uint16_t](p, <const uint16_t *>(c.items + 2 * base), base, s)
        else:
            keep_indexed[uint64_t](p, <const uint64_t *>(c.items + 8 * base), base, s)
    elif p.kind == IS_NAME and c.layout == OFFSETS_32:
        keep_names[uint32_t](p, <const uint32_t *>(c.items + 4 * base), base, s)
    elif p.kind == IS_NAME and c.layout == OFFSETS_64:
        keep_names[uint64_t](p, <const uint64_t *>(c.items + 8 * base), base, s)
    elif p.kind == IS_NAME and c.layout == VIEWS:
        keep_views(p, base, s)
    elif p.kind == IS_NAME and c.layout == FIXED and c.width == 16:
        keep_fixed_16(p, base, s)
    elif p.kind == IS_BASENAME and c.layout == OFFSETS_32:
        keep_basenames[uint32_t](p, <const uint32_t *>(c.items + 4 * base), base, s)
    elif p.kind == IS_BASENAME and c.layout == OFFSETS_64:
        keep_basenames[uint64_t](p, <const uint64_t *>(c.items + 8 * base), base, s)
    elif p.kind == IS_BASENAME and c.layout == VIEWS:
        keep_view_basenames(p, base, s)
    else:
        keep_exactly(p, base, s)


cdef void keep_exactly(predicate *p, int64_t base, selection *s) noexcept nogil:
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(s.count):
        row = s.rows[i]
        s.rows[kept] = row
        kept += evaluate_row(p, base + row)
    s.count = kept


cdef void keep_fixed_16(predicate *p, int64_t base, selection *s) noexcept nogil:
    cdef const uint64_t *filter = p.names.filter
    cdef const uint8_t *first = p.c.data + base * p.c.stride
    cdef const uint8_t *value
    cdef ptrdiff_t stride = p.c.stride
    cdef int shift = p.names.filter_shift
    cdef Py_ssize_t i, kept = 0
    cdef uint64_t bit
    cdef uint32_t row
    for i in range(s.count):
        if i + PREFETCH_DISTANCE < s.count:
            prefetch(first + s.rows[i + PREFETCH_DISTANCE] * stride)
        row = s.rows[i]
        bit = filter_bit(load_8(first + row * stride), shift)
        s.rows[kept] = row
        kept += (filter[bit >> 6] >> (bit & 63)) & 1
    s.count = kept
    kept = 0
    for i in range(s.count):
        row = s.rows[i]
        value = first + row * stride
        s.rows[kept] = row
        kept += has_words(p.names, load_8(value), load_8(value + 8))
    s.count = kept


cdef void keep_names(
    predicate *p, const unsigned_t *offsets, int64_t base, selection *s
) noexcept nogil:
    cdef const uint64_t *filter = p.names.filter
    cdef int shift = p.names.filter_shift
    cdef const uint8_t *data = p.c.data
    cdef int64_t size = p.c.data_size, first, last
    cdef Py_ssize_t i, kept = 0
    cdef uint64_t bit
    cdef uint32_t row
    for i in range(s.count):
        if i + 2 * PREFETCH_DISTANCE < s.count:
            prefetch(offsets + s.rows[i + 2 * PREFETCH_DISTANCE])
        if i + PREFETCH_DISTANCE < s.count:
            prefetch_at(data, load(offsets + s.rows[i + PREFETCH_DISTANCE]))
        row = s.rows[i]
        first = <int64_t>load(offsets + row)
        last = <int64_t>load(offsets + row + 1)
        s.rows[kept] = row
        if unlikely(first > last or last > size or first < 0 or first > size - 8):
            # Too near the buffer's end for a whole word, or damaged: the exact look decides.
            kept += 1
            continue
        bit = filter_bit(first_word(data + first, last - first), shift)
        kept += (filter[bit >> 6] >> (bit & 63)) & 1
    s.count = kept
    keep_exactly(p, base, s)


cdef void keep_basenames(
    predicate *p, const unsigned_t *offsets, int64_t base, selection *s
) noexcept nogil:
    cdef const uint8_t *data = p.c.data
    cdef uint64_t first, last, size = <uint64_t>p.c.data_size
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(s.count):
        if i + 2 * PREFETCH_DISTANCE < s.count:
            prefetch(offsets + s.rows[i + 2 * PREFETCH_DISTANCE])
        if i + PREFETCH_DISTANCE < s.count:
            prefetch_at(data, load(offsets + s.rows[i + PREFETCH_DISTANCE] + 1) - 8)
        row = s.rows[i]
        first = load(offsets + row)
        last = load(offsets + row + 1)
        if unlikely(first > last or last > size):
            note_damage(p, base + row)
            continue
        s.rows[kept] = row
        kept += has_basename(
            p.names, data + first, <int64_t>(last - first), data, data + size)
    s.count = kept


cdef void keep_views(predicate *p, int64_t base, selection *s) noexcept nogil:
    cdef const uint64_t *filter = p.names.filter
    cdef int shift = p.names.filter_shift
    cdef const uint8_t *first = p.c.items + 16 * base
    cdef const uint8_t *view
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row, length
    cdef uint64_t bit
    for i in range(s.count):
        if i + PREFETCH_DISTANCE < s.count:
            prefetch(first + 16 * <int64_t>s.rows[i + PREFETCH_DISTANCE])
        row = s.rows[i]
        view = first + 16 * <int64_t>row
        length = load_4(view)
        s.rows[kept] = row
        if unlikely(length > 12):
            kept += 1  # its bytes are elsewhere: the exact look decides
            continue
        bit = filter_bit(first_word(view + 4, length), shift)
        kept += (filter[bit >> 6] >> (bit & 63)) & 1
    s.count = kept
    keep_exactly(p, base, s)


cdef void keep_view_basenames(predicate *p, int64_t base, selection *s) noexcept nogil:
    cdef const uint8_t *first = p.c.items + 16 * base
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(s.count):
        if i + 2 * PREFETCH_DISTANCE < s.count:
            prefetch(first + 16 * <int64_t>s.rows[i + 2 * PREFETCH_DISTANCE])
        if i + PREFETCH_DISTANCE < s.count and view_at(
                p.c, base + s.rows[i + PREFETCH_DISTANCE], &value, &length, &end) > 0:
            prefetch_at(value, <uint64_t>(length - 8))
        row = s.rows[i]
        s.rows[kept] = row
        kept += evaluate_row(p, base + row)
    s.count = kept


cdef void keep_indexed(
    predicate *p, const unsigned_t *indices, int64_t base, selection *s
) noexcept nogil:
    cdef uint64_t entries = <uint64_t>p.c.values.length, index
    cdef const uint8_t *memo = p.memo
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    cdef int known
    for i in range(s.count):
        if i + PREFETCH_DISTANCE < s.count:
            prefetch(indices + s.rows[i + PREFETCH_DISTANCE])
        row = s.rows[i]
        index = load(indices + row)
        known = memo[index] if index < entries else UNKNOWN
        s.rows[kept] = row
        if unlikely(known == UNKNOWN):
            kept += evaluate_row(p, base + row)
        else:
            kept += known == YES
    s.count = kept
