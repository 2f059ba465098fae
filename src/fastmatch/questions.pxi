# What the rule asks of a column, and the loops that ask it of many rows.

cdef enum:
    IS_NAME       # is the value one of the names?
    IS_BASENAME   # is what follows the value's last slash one of the names?
    WHICH_EVENT   # which event does the value name?

cdef enum:
    UNKNOWN       # a dictionary entry that no row has asked for yet
    NO
    YES           # for WHICH_EVENT: security_bprm_check
    EXEC          # for WHICH_EVENT: sched_process_exec

ctypedef struct question:
    int kind
    const column *c          # NULL: null in every row
    const name_table *names
    bint wants_bprm_check    # for WHICH_EVENT
    bint wants_exec
    uint8_t *memo            # INDEXED: the answer for each entry of the dictionary
    int64_t damaged          # a row whose value lies outside its buffers, else -1


cdef inline int answer(
    const question *q, const uint8_t *value, int64_t length, const uint8_t *end
) noexcept nogil:
    if q.kind == IS_NAME:
        return YES if has_name(q.names, value, <uint64_t>length, end) else NO
    if q.kind == IS_BASENAME:
        return YES if has_basename(q.names, value, length, end) else NO
    if length == 19 and q.wants_bprm_check and memcmp(value, b"security_bprm_check", 19) == 0:
        return YES
    if length == 18 and q.wants_exec and memcmp(value, b"sched_process_exec", 18) == 0:
        return EXEC
    return NO


cdef int answer_row(question *q, int64_t row) noexcept nogil:
    """Answer for a row that is not null, in any layout; a damaged row is noted and answers NO."""
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    cdef uint64_t index
    if q.c.layout != INDEXED:
        if plain_value_at(q.c, row, &value, &length, &end) > 0:
            return answer(q, value, length, end)
    else:
        index = index_at(q.c, row)
        if index < <uint64_t>q.c.values.length:
            if q.memo[index] != UNKNOWN:
                return q.memo[index]
            if plain_value_at(q.c.values, <int64_t>index, &value, &length, &end) > 0:
                q.memo[index] = <uint8_t>answer(q, value, length, end)
                return q.memo[index]
    q.damaged = row
    return NO


cdef Py_ssize_t drop_nulls(
    const column *c, int64_t base, uint32_t *rows, Py_ssize_t count, uint64_t *nulls
) noexcept nogil:
    """Move the null rows from the list into the bitmap; c == NULL: all of them."""
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    cdef bint valid
    if c != NULL and c.validity == NULL and (c.layout != INDEXED or c.values.validity == NULL):
        return count
    for i in range(count):
        row = rows[i]
        valid = c != NULL and is_valid(c, base + row)
        if valid and c.layout == INDEXED and index_at(c, base + row) < <uint64_t>c.values.length:
            valid = is_valid(c.values, <int64_t>index_at(c, base + row))
        if not valid:
            nulls[row >> 6] |= <uint64_t>1 << (row & 63)
        rows[kept] = row
        kept += valid
    return kept


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


cdef Py_ssize_t keep_offsets(
    question *q, const unsigned_t *offsets, int64_t base, uint32_t *rows, Py_ssize_t count,
    bint sparse
) noexcept nogil:
    cdef const uint8_t *data = q.c.data
    cdef const uint8_t *end = data + q.c.data_size
    cdef uint64_t size = <uint64_t>q.c.data_size, first, last
    cdef const name_table *names = q.names
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    if sparse:
        for i in range(count):
            prefetch(offsets + rows[i])
        for i in range(count):
            prefetch(data + load(offsets + rows[i]))
    for i in range(count):
        row = rows[i]
        first = load(offsets + row)
        last = load(offsets + row + 1)
        if unlikely((first > last) | (last > size)):
            q.damaged = base + row
            continue
        rows[kept] = row
        kept += has_name(names, data + first, last - first, end)
    return kept


cdef Py_ssize_t keep_indexed(
    question *q, const unsigned_t *indices, int64_t base, uint32_t *rows, Py_ssize_t count
) noexcept nogil:
    cdef uint64_t entries = <uint64_t>q.c.values.length, index
    cdef const uint8_t *memo = q.memo
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    cdef int known
    for i in range(count):
        row = rows[i]
        index = load(indices + row)
        known = memo[index] if index < entries else UNKNOWN
        if unlikely(known == UNKNOWN):
            known = answer_row(q, base + row)
        rows[kept] = row
        kept += known == YES
    return kept


cdef Py_ssize_t keep_fixed_16(
    question *q, int64_t base, uint32_t *rows, Py_ssize_t count
) noexcept nogil:
    cdef const uint8_t *first = q.c.data + base * q.c.stride
    cdef const uint8_t *value
    cdef ptrdiff_t stride = q.c.stride
    cdef const name_table *names = q.names
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    for i in range(count):
        row = rows[i]
        value = first + row * stride
        rows[kept] = row
        kept += has_words(names, load_8(value), load_8(value + 8))
    return kept


cdef Py_ssize_t keep(
    question *q, int64_t base, uint32_t *rows, Py_ssize_t count, int64_t span, uint64_t *nulls
) noexcept nogil:
    """Keep the rows of the list whose answer is YES; nulls go into the bitmap."""
    cdef const column *c = q.c
    cdef Py_ssize_t i, kept = 0
    cdef uint32_t row
    cdef bint sparse = count * 8 < span
    count = drop_nulls(c, base, rows, count, nulls)
    if count == 0:
        return 0
    if c.layout == INDEXED:
        if c.index_bytes == 4:
            return keep_indexed[uint32_t](
                q, <const uint32_t *>(c.items + 4 * base), base, rows, count)
        if c.index_bytes == 1:
            return keep_indexed[uint8_t](q, c.items + base, base, rows, count)
        if c.index_bytes == 2:
            return keep_indexed[uint16_t](
                q, <const uint16_t *>(c.items + 2 * base), base, rows, count)
        return keep_indexed[uint64_t](
            q, <const uint64_t *>(c.items + 8 * base), base, rows, count)
    if q.kind == IS_NAME and c.layout == OFFSETS_32:
        return keep_offsets[uint32_t](
            q, <const uint32_t *>(c.items + 4 * base), base, rows, count, sparse)
    if q.kind == IS_NAME and c.layout == OFFSETS_64:
        return keep_offsets[uint64_t](
            q, <const uint64_t *>(c.items + 8 * base), base, rows, count, sparse)
    if q.kind == IS_NAME and c.layout == FIXED and c.width == 16:
        return keep_fixed_16(q, base, rows, count)
    for i in range(count):
        row = rows[i]
        rows[kept] = row
        kept += answer_row(q, base + row) == YES
    return kept
