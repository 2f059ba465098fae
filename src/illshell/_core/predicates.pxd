"""Predicates: what a rule asks of a value, and how a column's row answers."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from illshell._core.columns cimport INDEXED, column, index_at, plain_value_at
from illshell._core.names cimport (
    has_basename,
    has_name,
    name_table,
    pattern_number,
    pattern_table,
)


cdef enum:
    # Kinds of predicates
    IS_NAME        # the value is one of the names
    IS_BASENAME    # what follows the value's last slash is one of the names
    IS_PATTERN     # the value is one of the names or starts with one of the prefixes

cdef enum:
    # Answers; a dictionary's entries have theirs kept
    UNKNOWN        # nothing has asked the entry yet, or it is damaged
    NO
    YES

ctypedef struct predicate:
    int kind
    const name_table *names          # IS_NAME and IS_BASENAME
    const pattern_table *patterns    # IS_PATTERN
    const column *c                  # NULL: null in every row
    uint8_t *memo                    # INDEXED: the answer of each entry of the dictionary
    int64_t damaged                  # the first row whose value lies outside its buffers, else -1


# Bind a predicate to a column, whose dictionary's answers are allocated; release frees them.
cdef int bind(predicate *p, const column *c) except -1
cdef void release(predicate *p) noexcept nogil


cdef inline void note_damage(predicate *p, int64_t row) noexcept nogil:
    if p.damaged < 0 or row < p.damaged:
        p.damaged = row


cdef inline bint evaluate(
    const predicate *p, const uint8_t *value, int64_t length, const uint8_t *start,
    const uint8_t *end
) noexcept nogil:
    """Whether the predicate holds for a value. Reads from start up to end only."""
    if p.kind == IS_NAME:
        return has_name(p.names, value, <uint64_t>length, end)
    if p.kind == IS_BASENAME:
        return has_basename(p.names, value, length, start, end)
    return pattern_number(p.patterns, value, <uint64_t>length, end) >= 0


cdef inline int evaluate_entry(predicate *p, uint64_t index) noexcept nogil:
    """Evaluate an entry of the dictionary that is not null; UNKNOWN if it is damaged."""
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    if p.memo[index] == UNKNOWN \
            and plain_value_at(p.c.values, <int64_t>index, &value, &length, &end) > 0:
        p.memo[index] = YES if evaluate(p, value, length, value, end) else NO
    return p.memo[index]


cdef inline bint evaluate_row(predicate *p, int64_t row) noexcept nogil:
    """Evaluate a row that is not null, in any layout; a damaged row is noted and does not hold."""
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    cdef uint64_t index
    cdef int known
    if p.c.layout != INDEXED:
        if plain_value_at(p.c, row, &value, &length, &end) > 0:
            return evaluate(p, value, length, value, end)
    else:
        index = index_at(p.c, row)
        if index < <uint64_t>p.c.values.length:
            known = evaluate_entry(p, index)
            if known != UNKNOWN:
                return known == YES
    note_damage(p, row)
    return False
