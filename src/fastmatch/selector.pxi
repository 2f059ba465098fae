# The selector: which rows of a block are events that the rule wants.

cdef extern from *:
    """
    #ifdef __SSE2__
    #include <emmintrin.h>
    #endif

    /* For 64 codes: which are the first wanted, which the second, and is any beyond the last?
       The codes of a dictionary of at most 65536 entries, so that signed compares will do. */
    static inline void illshell_compare_64_words(
        const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last,
        uint64_t *are_first, uint64_t *are_second, uint64_t *beyond
    ) {
        uint64_t firsts = 0, seconds = 0;
    #ifdef __SSE2__
        const __m128i a = _mm_set1_epi32((int)first), b = _mm_set1_epi32((int)second);
        const __m128i top = _mm_set1_epi32((int)last);
        __m128i wrong = _mm_setzero_si128();
        for (int i = 0; i < 64; i += 16) {
            __m128i c[4], p[2], q[2];
            for (int k = 0; k < 4; k++) {
                c[k] = _mm_loadu_si128((const __m128i *)(codes + 4 * (i + 4 * k)));
                wrong = _mm_or_si128(wrong, _mm_or_si128(c[k], _mm_sub_epi32(top, c[k])));
            }
            for (int k = 0; k < 2; k++) {
                const __m128i even = c[2 * k], odd = c[2 * k + 1];
                p[k] = _mm_packs_epi32(_mm_cmpeq_epi32(even, a), _mm_cmpeq_epi32(odd, a));
                q[k] = _mm_packs_epi32(_mm_cmpeq_epi32(even, b), _mm_cmpeq_epi32(odd, b));
            }
            firsts |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(p[0], p[1])) << i;
            seconds |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(q[0], q[1])) << i;
        }
        *beyond |= (uint64_t)_mm_movemask_ps(_mm_castsi128_ps(wrong));
    #else
        for (int i = 0; i < 64; i++) {
            uint32_t code = illshell_load_4(codes + 4 * i);
            firsts |= (uint64_t)(code == first) << i;
            seconds |= (uint64_t)(code == second) << i;
            *beyond |= code > last;
        }
    #endif
        *are_first = firsts;
        *are_second = seconds;
    }

    static inline void illshell_compare_64_bytes(
        const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last,
        uint64_t *are_first, uint64_t *are_second, uint64_t *beyond
    ) {
        uint64_t firsts = 0, seconds = 0;
    #ifdef __SSE2__
        const __m128i a = _mm_set1_epi8((char)first), b = _mm_set1_epi8((char)second);
        const __m128i top = _mm_set1_epi8((char)last);
        __m128i wrong = _mm_setzero_si128();
        for (int i = 0; i < 64; i += 16) {
            __m128i c = _mm_loadu_si128((const __m128i *)(codes + i));
            wrong = _mm_or_si128(wrong, _mm_subs_epu8(c, top));
            firsts |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, a)) << i;
            seconds |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(c, b)) << i;
        }
        wrong = _mm_cmpeq_epi8(wrong, _mm_setzero_si128());
        *beyond |= (uint64_t)(_mm_movemask_epi8(wrong) != 0xffff);
    #else
        for (int i = 0; i < 64; i++) {
            firsts |= (uint64_t)(codes[i] == first) << i;
            seconds |= (uint64_t)(codes[i] == second) << i;
            *beyond |= codes[i] > last;
        }
    #endif
        *are_first = firsts;
        *are_second = seconds;
    }
    """
    void compare_64_words "illshell_compare_64_words"(
        const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last,
        uint64_t *are_first, uint64_t *are_second, uint64_t *beyond) noexcept nogil
    void compare_64_bytes "illshell_compare_64_bytes"(
        const uint8_t *codes, uint32_t first, uint32_t second, uint32_t last,
        uint64_t *are_first, uint64_t *are_second, uint64_t *beyond) noexcept nogil

ctypedef struct selection:
    uint32_t rows[BLOCK]     # ascending, counted from the block's first row
    Py_ssize_t count

ctypedef struct selector:
    int constant_event    # YES or EXEC for every row; NO for none; UNKNOWN: ask event_name
    question event_name
    bint by_code          # event_name is a dictionary with at most one code for each event
    uint32_t check_code   # entries: no code
    uint32_t exec_code


cdef void find_codes(selector *wanted) noexcept nogil:
    """See whether the event names can be told by their codes alone."""
    cdef question *q = &wanted.event_name
    cdef const column *c = q.c
    cdef uint64_t code, entries
    cdef int event
    if c.layout != INDEXED or c.validity != NULL or c.values.validity != NULL:
        return
    entries = <uint64_t>c.values.length
    # A code that no row can have must be left to stand for an event that is not in there.
    if entries == 0 or (c.index_bytes == 1 and entries > 255) or entries > 65536:
        return
    if c.index_bytes != 4 and c.index_bytes != 1:
        return
    wanted.check_code = wanted.exec_code = <uint32_t>entries
    for code in range(entries):
        event = answer_entry(q, code)
        if event == YES:
            if wanted.check_code != entries:
                return
            wanted.check_code = <uint32_t>code
        elif event == EXEC:
            if wanted.exec_code != entries:
                return
            wanted.exec_code = <uint32_t>code
        elif event == UNKNOWN:
            return
    wanted.by_code = True


cdef void select_events(
    selector *wanted, int64_t base, int64_t span, uint64_t *checks, uint64_t *execs
) noexcept nogil:
    """Mark the block's rows of either event; a null name is the name of another event."""
    if wanted.constant_event != UNKNOWN:
        mark_all(checks, span if wanted.constant_event == YES else 0)
        mark_all(execs, span if wanted.constant_event == EXEC else 0)
    elif not (wanted.by_code and mark_codes(wanted, base, span, checks, execs)):
        mark_rows(&wanted.event_name, base, span, checks, execs)


cdef void mark_all(uint64_t *bits, int64_t count) noexcept nogil:
    """Mark the block's first rows, and no other."""
    memset(bits, 0, BLOCK_WORDS * sizeof(uint64_t))
    memset(bits, 0xff, <size_t>(count >> 6) * sizeof(uint64_t))
    if count & 63:
        bits[count >> 6] = (<uint64_t>1 << (count & 63)) - 1


cdef bint mark_codes(
    const selector *wanted, int64_t base, int64_t span, uint64_t *check_bits, uint64_t *exec_bits
) noexcept nogil:
    """Mark the rows by their codes; False where a code numbers no entry of the dictionary."""
    cdef const column *c = wanted.event_name.c
    cdef const uint8_t *codes = c.items + base * c.index_bytes
    cdef uint8_t tail[64 * 4]
    cdef uint32_t last = <uint32_t>(c.values.length - 1)
    cdef uint64_t beyond = 0, real
    cdef int64_t row
    for row in range(0, span, 64):
        if span - row < 64:
            # Code 0 fills the block's last word up, and its marks are taken off again.
            memset(tail, 0, sizeof(tail))
            memcpy(tail, codes, <size_t>((span - row) * c.index_bytes))
            codes = tail
        if c.index_bytes == 4:
            compare_64_words(codes, wanted.check_code, wanted.exec_code, last,
                             check_bits + (row >> 6), exec_bits + (row >> 6), &beyond)
        else:
            compare_64_bytes(codes, wanted.check_code, wanted.exec_code, last,
                             check_bits + (row >> 6), exec_bits + (row >> 6), &beyond)
        codes += 64 * c.index_bytes
    if span & 63:
        real = (<uint64_t>1 << (span & 63)) - 1
        check_bits[span >> 6] &= real
        exec_bits[span >> 6] &= real
    return beyond == 0


cdef void mark_rows(
    question *q, int64_t base, int64_t span, uint64_t *check_bits, uint64_t *exec_bits
) noexcept nogil:
    cdef int64_t row
    cdef int event
    memset(check_bits, 0, BLOCK_WORDS * sizeof(uint64_t))
    memset(exec_bits, 0, BLOCK_WORDS * sizeof(uint64_t))
    for row in range(span):
        event = event_of(q, base + row)
        check_bits[row >> 6] |= <uint64_t>(event == YES) << (row & 63)
        exec_bits[row >> 6] |= <uint64_t>(event == EXEC) << (row & 63)


cdef inline int event_of(question *q, int64_t row) noexcept nogil:
    cdef uint64_t index
    if not is_valid(q.c, row):
        return NO
    if q.c.layout == INDEXED and q.c.values.validity != NULL:
        index = index_at(q.c, row)
        if index < <uint64_t>q.c.values.length and not is_valid(q.c.values, <int64_t>index):
            return NO
    return answer_row(q, row)


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


cdef void drop_nulls(
    const column *c, int64_t base, int64_t span, uint64_t *bits, uint64_t *nulls
) noexcept nogil:
    """Move the marks of null rows from the one bitmap into the other; c == NULL: all of them."""
    cdef int64_t word, row
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
    """Give a bit for each of at most 64 rows: is it null?"""
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
