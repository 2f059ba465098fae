# The sieve: keeps of the listed rows those whose column answers yes.
#
# Most rows answer no, so names are sifted twice: first through a bitmap that a hash of a name's
# first word points into, which lets through the names and few others; then exactly.

cdef enum:
    AHEAD = 10    # listed rows lie far apart: the memory of this many is asked for in advance


cdef void keep_fixed_16(question *q, int64_t base, selection *s) noexcept nogil:
    cdef const uint64_t *filter = q.names.filter
    cdef const uint8_t *first = q.c.data + base * q.c.stride
    cdef const uint8_t *value
    cdef ptrdiff_t stride = q.c.stride
    cdef int shift = q.names.filter_shift
    cdef Py_ssize_t i, kept = 0
    cdef uint64_t bit
    cdef uint32_t row
    for i in range(s.count):
        if i + AHEAD < s.count:
            prefetch(first + s.rows[i + AHEAD] * stride)
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
        kept += has_words(q.names, load_8(value), load_8(value + 8))
    s.count = kept


cdef void keep_names(
    question *q, const unsigned_t *offsets, int64_t base, selection *s
) noexcept nogil:
    cdef const uint64_t *filter = q.names.filter
    cdef int shift = q.names.filter_shift
    cdef const uint8_t *data = q.c.data
    cdef int64_t size = q.c.data_size, first, last
    cdef Py_ssize_t i, kept = 0
    cdef uint64_t bit
    cdef uint32_t row
    for i in range(s.count):
        if i + 2 * AHEAD < s.count:
            prefetch(offsets + s.rows[i + 2 * AHEAD])
        if i + AHEAD < s.count:
            prefetch(data + load(offsets + s.rows[i + AHEAD]))
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
    keep_exactly(q, base, s)


cdef void keep_basenames(
    question *q, const unsigned_t *offsets, int64_t base, selection *s
) noexcept nogil:
    cdef const uint8_t *data = q.c.data
    cdef uint64_t first, last, size = <uint64_t>q.c.data_size
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(s.count):
        if i + 2 * AHEAD < s.count:
            prefetch(offsets + s.rows[i + 2 * AHEAD])
        if i + AHEAD < s.count:
            prefetch(data + load(offsets + s.rows[i + AHEAD] + 1) - 8)
        row = s.rows[i]
        first = load(offsets + row)
        last = load(offsets + row + 1)
        if unlikely(first > last or last > size):
            note_damage(q, base + row)
            continue
        s.rows[kept] = row
        kept += has_basename(
            q.names, data + first, <int64_t>(last - first), data, data + size)
    s.count = kept


cdef void keep_views(question *q, int64_t base, selection *s) noexcept nogil:
    cdef const uint64_t *filter = q.names.filter
    cdef int shift = q.names.filter_shift
    cdef const uint8_t *first = q.c.items + 16 * base
    cdef const uint8_t *view
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row, length
    cdef uint64_t bit
    for i in range(s.count):
        if i + AHEAD < s.count:
            prefetch(first + 16 * <int64_t>s.rows[i + AHEAD])
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
    keep_exactly(q, base, s)


cdef void keep_view_basenames(question *q, int64_t base, selection *s) noexcept nogil:
    cdef const uint8_t *first = q.c.items + 16 * base
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(s.count):
        if i + 2 * AHEAD < s.count:
            prefetch(first + 16 * <int64_t>s.rows[i + 2 * AHEAD])
        if i + AHEAD < s.count \
                and view_at(q.c, base + s.rows[i + AHEAD], &value, &length, &end) > 0:
            prefetch(value + length - 8)
        row = s.rows[i]
        s.rows[kept] = row
        kept += answer_row(q, base + row) == YES
    s.count = kept


cdef void keep_exactly(question *q, int64_t base, selection *s) noexcept nogil:
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(s.count):
        row = s.rows[i]
        s.rows[kept] = row
        kept += answer_row(q, base + row) == YES
    s.count = kept


cdef void keep_indexed(
    question *q, const unsigned_t *indices, int64_t base, selection *s
) noexcept nogil:
    cdef uint64_t entries = <uint64_t>q.c.values.length, index
    cdef const uint8_t *memo = q.memo
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    cdef int known
    for i in range(s.count):
        if i + AHEAD < s.count:
            prefetch(indices + s.rows[i + AHEAD])
        row = s.rows[i]
        index = load(indices + row)
        known = memo[index] if index < entries else UNKNOWN
        if unlikely(known == UNKNOWN):
            known = answer_row(q, base + row)
        s.rows[kept] = row
        kept += known == YES
    s.count = kept


cdef void keep(question *q, int64_t base, selection *s) noexcept nogil:
    """Keep the rows whose answer is YES; none of the rows may be null."""
    cdef const column *c = q.c
    if s.count == 0:
        return
    if c.layout == OFFSETS_32 and q.kind == IS_NAME:
        keep_names[uint32_t](q, <const uint32_t *>(c.items + 4 * base), base, s)
    elif c.layout == OFFSETS_32:
        keep_basenames[uint32_t](q, <const uint32_t *>(c.items + 4 * base), base, s)
    elif c.layout == OFFSETS_64 and q.kind == IS_NAME:
        keep_names[uint64_t](q, <const uint64_t *>(c.items + 8 * base), base, s)
    elif c.layout == OFFSETS_64:
        keep_basenames[uint64_t](q, <const uint64_t *>(c.items + 8 * base), base, s)
    elif c.layout == FIXED and c.width == 16 and q.kind == IS_NAME:
        keep_fixed_16(q, base, s)
    elif c.layout == VIEWS and q.kind == IS_NAME:
        keep_views(q, base, s)
    elif c.layout == VIEWS:
        keep_view_basenames(q, base, s)
    elif c.layout != INDEXED:
        keep_exactly(q, base, s)
    elif c.index_bytes == 4:
        keep_indexed[uint32_t](q, <const uint32_t *>(c.items + 4 * base), base, s)
    elif c.index_bytes == 1:
        keep_indexed[uint8_t](q, c.items + base, base, s)
    elif c.index_bytes == 2:
        keep_indexed[uint16_t](q, <const uint16_t *>(c.items + 2 * base), base, s)
    else:
        keep_indexed[uint64_t](q, <const uint64_t *>(c.items + 8 * base), base, s)
