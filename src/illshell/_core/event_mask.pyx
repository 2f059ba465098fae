"""The event mask: rows are marked by their codes where event names are a dictionary, else by value.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from illshell._core.columns cimport INDEXED, column, index_at, is_valid, plain_value_at
from illshell._core.intrinsics cimport compare_64_bytes, compare_64_words
from illshell._core.rules cimport FIRST_EVENT, OTHER_EVENT, UNKNOWN_EVENT, clause, event_code
from illshell._core.selections cimport BLOCK_WORDS, mark_first


cdef int prepare_mask(
    event_mask *mask, const clause *clauses, int n_clauses, event_code constant, const column *c
) except -1:
    memset(mask, 0, sizeof(event_mask))
    mask.clauses = clauses
    mask.n_clauses = n_clauses
    mask.constant = constant
    mask.damaged = -1
    if constant != UNKNOWN_EVENT:
        return 0
    if c == NULL:
        mask.constant = OTHER_EVENT
        return 0
    mask.c = c
    if c.layout == INDEXED:
        mask.memo = <uint8_t *>calloc(c.values.length + 1, 1)
        if mask.memo == NULL:
            raise MemoryError
        find_codes(mask)
    return 0


cdef void release_mask(event_mask *mask) noexcept nogil:
    free(mask.memo)
    mask.memo = NULL


cdef void find_codes(event_mask *mask) noexcept nogil:
    """Return whether the dictionary's codes alone tell the events."""
    cdef const column *c = mask.c
    cdef uint64_t code, entries
    cdef event_code event
    cdef int k
    if c.validity != NULL or c.values.validity != NULL:
        return
    if c.index_bytes != 4 and c.index_bytes != 1:
        return
    entries = <uint64_t>c.values.length
    # A code that no row can have must be left to stand for an event that is not in there.
    if entries == 0 or (c.index_bytes == 1 and entries > 255) or entries > 65536:
        return
    for k in range(mask.n_clauses + 1):
        mask.codes[k] = <uint32_t>entries
    for code in range(entries):
        event = event_of_entry(mask, code)
        if event == UNKNOWN_EVENT:
            return
        if event >= FIRST_EVENT:
            if mask.codes[event - FIRST_EVENT] != entries:
                return
            mask.codes[event - FIRST_EVENT] = <uint32_t>code
    mask.by_code = True


cdef void mark_events(
    event_mask *mask, int64_t base, int64_t span, uint64_t *marks
) noexcept nogil:
    cdef int k
    if mask.constant != UNKNOWN_EVENT:
        for k in range(mask.n_clauses):
            mark_first(marks + (k + 1) * MARKS_STRIDE,
                       span if mask.constant == FIRST_EVENT + k else 0)
    elif not (mask.by_code and mark_codes(mask, base, span, marks)):
        mark_rows(mask, base, span, marks)


cdef bint mark_codes(
    const event_mask *mask, int64_t base, int64_t span, uint64_t *marks
) noexcept nogil:
    """Mark the rows by their codes; False where a code numbers no entry of the dictionary.

    Two events are marked in one pass; where their number is odd, the last has nobody beside it.
    """
    cdef const column *c = mask.c
    cdef const uint8_t *codes
    cdef uint8_t tail[64 * 4]
    cdef uint64_t nobody[BLOCK_WORDS]
    cdef uint32_t last = <uint32_t>(c.values.length - 1), first, second
    cdef uint64_t beyond = 0, real
    cdef uint64_t *firsts
    cdef uint64_t *seconds
    cdef int64_t row
    cdef int k
    for k in range(0, mask.n_clauses, 2):
        codes = c.items + base * c.index_bytes
        first = mask.codes[k]
        second = mask.codes[k + 1]
        firsts = marks + (k + 1) * MARKS_STRIDE
        seconds = firsts + MARKS_STRIDE if k + 1 < mask.n_clauses else nobody
        for row in range(0, span, 64):
            if span - row < 64:
                # Code 0 fills the block's last word up, and its marks are taken off again.
                memset(tail, 0, sizeof(tail))
                memcpy(tail, codes, <size_t>((span - row) * c.index_bytes))
                codes = tail
            if c.index_bytes == 4:
                compare_64_words(codes, first, second, last, firsts + (row >> 6),
                                 seconds + (row >> 6), &beyond)
            else:
                compare_64_bytes(codes, first, second, last, firsts + (row >> 6),
                                 seconds + (row >> 6), &beyond)
            codes += 64 * c.index_bytes
        if span & 63:
            real = (<uint64_t>1 << (span & 63)) - 1
            firsts[span >> 6] &= real
            seconds[span >> 6] &= real
    return beyond == 0


cdef void mark_rows(
    event_mask *mask, int64_t base, int64_t span, uint64_t *marks
) noexcept nogil:
    cdef int64_t row
    cdef uint64_t *of_event
    memset(marks, 0, (mask.n_clauses + 1) * MARKS_STRIDE * sizeof(uint64_t))
    for row in range(span):
        # Rows of other events are marked too, in a bitmap of their own: no branch on the event.
        of_event = marks + (event_of_row(mask, base + row) - OTHER_EVENT) * MARKS_STRIDE
        of_event[row >> 6] |= <uint64_t>1 << (row & 63)


cdef inline event_code event_of_row(event_mask *mask, int64_t row) noexcept nogil:
    """Return the code of a row's event; a damaged row is noted, and another event."""
    cdef const column *c = mask.c
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    cdef uint64_t index
    cdef event_code event
    if not is_valid(c, row):
        return OTHER_EVENT
    if c.layout == INDEXED:
        index = index_at(c, row)
        if index < <uint64_t>c.values.length:
            event = event_of_entry(mask, index)
            if event != UNKNOWN_EVENT:
                return event
    elif plain_value_at(c, row, &value, &length, &end) > 0:
        return event_of(mask, value, length)
    if mask.damaged < 0:
        mask.damaged = row
    return OTHER_EVENT


cdef inline event_code event_of_entry(event_mask *mask, uint64_t index) noexcept nogil:
    """Return the code of an entry of the dictionary; UNKNOWN_EVENT if it is damaged."""
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    if mask.memo[index] == UNKNOWN_EVENT:
        if not is_valid(mask.c.values, <int64_t>index):
            mask.memo[index] = OTHER_EVENT
        elif plain_value_at(mask.c.values, <int64_t>index, &value, &length, &end) > 0:
            mask.memo[index] = <uint8_t>event_of(mask, value, length)
    return mask.memo[index]


cdef inline event_code event_of(
    const event_mask *mask, const uint8_t *value, int64_t length
) noexcept nogil:
    cdef const clause *each
    cdef int k
    for k in range(mask.n_clauses):
        each = &mask.clauses[k]
        if length == each.event_length and memcmp(value, each.event, <size_t>length) == 0:
            return FIRST_EVENT + k
    return OTHER_EVENT
