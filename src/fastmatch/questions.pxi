# What the rule asks of a column, and the loops that ask it of many rows.

cdef enum:
    IS_NAME       # is the value one of the names?
    IS_BASENAME   # is what follows the value's last slash one of the names?
    WHICH_EVENT   # which event does the value name?

# The answers are UNKNOWN (a dictionary entry that no row has asked for yet), NO, YES and EXEC, of
# which the last two stand for the two events in answer to WHICH_EVENT.

ctypedef struct question:
    int kind
    const column *c          # NULL: null in every row
    const name_table *names
    bint wants_bprm_check    # for WHICH_EVENT
    bint wants_exec
    uint8_t *memo            # INDEXED: the answer for each entry of the dictionary
    int64_t damaged          # the first row whose value lies outside its buffers, else -1


cdef void note_damage(question *q, int64_t row) noexcept nogil:
    if q.damaged < 0 or row < q.damaged:
        q.damaged = row


cdef inline int answer(
    const question *q, const uint8_t *value, int64_t length, const uint8_t *end
) noexcept nogil:
    if q.kind == IS_NAME:
        return YES if has_name(q.names, value, <uint64_t>length, end) else NO
    if q.kind == IS_BASENAME:
        return YES if has_basename(q.names, value, length, value, end) else NO
    if length == 19 and q.wants_bprm_check and memcmp(value, b"security_bprm_check", 19) == 0:
        return YES
    if length == 18 and q.wants_exec and memcmp(value, b"sched_process_exec", 18) == 0:
        return EXEC
    return NO


cdef int answer_entry(question *q, uint64_t index) noexcept nogil:
    """Answer for an entry of the dictionary that is not null; UNKNOWN if it is damaged."""
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    if q.memo[index] == UNKNOWN \
            and plain_value_at(q.c.values, <int64_t>index, &value, &length, &end) > 0:
        q.memo[index] = <uint8_t>answer(q, value, length, end)
    return q.memo[index]


cdef int answer_row(question *q, int64_t row) noexcept nogil:
    """Answer for a row that is not null, in any layout; a damaged row is noted and answers NO."""
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length
    cdef uint64_t index
    cdef int known
    if q.c.layout != INDEXED:
        if plain_value_at(q.c, row, &value, &length, &end) > 0:
            return answer(q, value, length, end)
    else:
        index = index_at(q.c, row)
        if index < <uint64_t>q.c.values.length:
            known = answer_entry(q, index)
            if known != UNKNOWN:
                return known
    note_damage(q, row)
    return NO
