# The sieve: keeps of a block's rows those whose column answers yes.
#
# Most rows answer no, so names are sifted twice: first through a bitmap that a hash of a name's
# first word points into, which lets through the names and few others; then exactly.

cdef enum:
    AHEAD = 10    # listed rows lie far apart: the memory of this many is asked for in advance

ctypedef struct selection:
    uint32_t rows[BLOCK]     # ascending, counted from the block's first row
    Py_ssize_t count
    bint all                 # every row of the block; rows is not filled in


ctypedef fused unsigned_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline uint64_t load(const unsigned_t *p) noexcept nogil:
    if unsigned_t is uint8_t:
        return p[0]
    elif unsigned_t is uint16_t:
        return load_2(p)
    elif unsigned_t is uint32_t:
        return load_4(p)
    else:
        return load_8(p)


cdef void list_rows(selection *s) noexcept nogil:
    cdef uint32_t row
    if s.all:
        for row in range(<uint32_t>s.count):
            s.rows[row] = row
        s.all = False


cdef void drop_nulls(const column *c, int64_t base, selection *s, uint64_t *nulls) noexcept nogil:
    """Move the null rows from the selection into the bitmap; c == NULL: all of them."""
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    cdef bint valid
    if c != NULL and c.validity == NULL and (c.layout != INDEXED or c.values.validity == NULL):
        return
    list_rows(s)
    for i in range(s.count):
        row = s.rows[i]
        valid = c != NULL and is_valid(c, base + row)
        if valid and c.layout == INDEXED and index_at(c, base + row) < <uint64_t>c.values.length:
            valid = is_valid(c.values, <int64_t>index_at(c, base + row))
        nulls[row >> 6] |= <uint64_t>(not valid) << (row & 63)
        s.rows[kept] = row
        kept += valid
    s.count = kept


cdef inline void sift_fixed_16(
    const name_table *names, const uint8_t *first, ptrdiff_t stride, selection *s, bint all
) noexcept nogil:
    cdef const uint64_t *filter = names.filter
    cdef int shift = names.filter_shift
    cdef Py_ssize_t i, kept = 0
    cdef uint64_t bit
    cdef uint32_t row
    for i in range(s.count):
        if not all and i + AHEAD < s.count:
            prefetch(first + s.rows[i + AHEAD] * stride)
        row = <uint32_t>i if all else s.rows[i]
        bit = filter_bit(load_8(first + row * stride), shift)
        s.rows[kept] = row
        kept += (filter[bit >> 6] >> (bit & 63)) & 1
    s.count = kept


cdef void keep_fixed_16(question *q, int64_t base, selection *s) noexcept nogil:
    cdef const uint8_t *first = q.c.data + base * q.c.stride
    cdef const uint8_t *value
    cdef ptrdiff_t stride = q.c.stride
    cdef Py_ssize_t i, kept = 0
    if s.all:
        sift_fixed_16(q.names, first, stride, s, True)
    else:
        sift_fixed_16(q.names, first, stride, s, False)
    s.all = False
    for i in range(s.count):
        value = first + s.rows[i] * stride
        s.rows[kept] = s.rows[i]
        kept += has_words(q.names, load_8(value), load_8(value + 8))
    s.count = kept


cdef inline void sift_offsets(
    question *q, const unsigned_t *offsets, int64_t base, selection *s, bint all
) noexcept nogil:
    cdef const uint64_t *filter = q.names.filter
    cdef int shift = q.names.filter_shift
    cdef const uint8_t *data = q.c.data
    cdef int64_t size = q.c.data_size, first, last, length
    cdef Py_ssize_t i, kept = 0
    cdef uint64_t bit
    cdef uint32_t row
    for i in range(s.count):
        if not all:
            if i + 2 * AHEAD < s.count:
                prefetch(offsets + s.rows[i + 2 * AHEAD])
            if i + AHEAD < s.count:
                prefetch(data + load(offsets + s.rows[i + AHEAD]))
        row = <uint32_t>i if all else s.rows[i]
        first = <int64_t>load(offsets + row)
        last = <int64_t>load(offsets + row + 1)
        length = last - first
        s.rows[kept] = row
        if unlikely(length < 0 or last > size or first < 0 or first > size - 8):
            # Too near the buffer's end for a whole word, or damaged: the exact look decides.
            kept += 1
            continue
        bit = filter_bit(
            load_8(data + first) & load_8(window + 16 - (length if length < 8 else 8)), shift)
        kept += (filter[bit >> 6] >> (bit & 63)) & 1
    s.count = kept


cdef void keep_names(
    question *q, const unsigned_t *offsets, int64_t base, selection *s
) noexcept nogil:
    if s.all:
        sift_offsets(q, offsets, base, s, True)
    else:
        sift_offsets(q, offsets, base, s, False)
    s.all = False
    keep_exactly(q, base, s)


cdef void keep_basenames(
    question *q, const unsigned_t *offsets, int64_t base, selection *s
) noexcept nogil:
    cdef const uint8_t *data = q.c.data
    cdef uint64_t first, last, size = <uint64_t>q.c.data_size
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    list_rows(s)
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


cdef void keep_exactly(question *q, int64_t base, selection *s) noexcept nogil:
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    list_rows(s)
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
    list_rows(s)
    for i in range(s.count):
        row = s.rows[i]
        index = load(indices + row)
        known = memo[index] if index < entries else UNKNOWN
        if unlikely(known == UNKNOWN):
            known = answer_row(q, base + row)
        s.rows[kept] = row
        kept += known == YES
    s.count = kept


cdef void keep(question *q, int64_t base, selection *s, uint64_t *nulls) noexcept nogil:
    """Keep the rows whose answer is YES; the nulls among the rows go into the bitmap."""
    cdef const column *c = q.c
    drop_nulls(c, base, s, nulls)
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
