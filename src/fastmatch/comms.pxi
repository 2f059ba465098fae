# Comms: where many of a block's rows are wanted, one look at every comm serves both rules.
#
# Each comm gets a byte that says what it may be, 64 bytes become two words of a bitmap, and what is
# left of the rows is small enough to be listed. The byte only ever errs towards a closer look.

cdef extern from *:
    """
    /* The bitmaps of bit 0 and of bit 1 of 64 bytes. */
    static inline void illshell_split_64(const uint8_t *kinds, uint64_t *zeroth, uint64_t *first) {
        uint64_t a = 0, b = 0;
    #ifdef __SSE2__
        for (int i = 0; i < 64; i += 16) {
            const __m128i k = _mm_loadu_si128((const __m128i *)(kinds + i));
            a |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(k, 7)) << i;
            b |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(k, 6)) << i;
        }
    #else
        for (int i = 0; i < 64; i++) {
            a |= (uint64_t)(kinds[i] & 1) << i;
            b |= (uint64_t)(kinds[i] >> 1 & 1) << i;
        }
    #endif
        *zeroth = a;
        *first = b;
    }
    """
    void split_64 "illshell_split_64"(
        const uint8_t *kinds, uint64_t *zeroth, uint64_t *first) noexcept nogil

cdef enum:
    MAY_BE_WEB_SERVER = 1
    MAY_BE_SHELL = 2
    LOOK = 3              # nothing is known: damaged, or not to be told from a first word
    DENSE = 4             # of so many rows one is wanted, at least: look at every comm

ctypedef struct comms:
    const column *c
    const name_kinds *kinds
    uint8_t *entry_kinds  # INDEXED: of each entry, and LOOK behind the last; NULL: not asked yet


cdef int build_kinds(
    name_kinds *kinds, const name_table *web_servers, uint64_t web_server_count,
    const name_table *shells, uint64_t shell_count
) except -1:
    kinds.shift = 64 - 10
    while (<uint64_t>1 << (64 - kinds.shift)) < 4 * (web_server_count + shell_count):
        kinds.shift -= 1
    kinds.of = <uint8_t *>calloc(<uint64_t>1 << (64 - kinds.shift), 1)
    if kinds.of == NULL:
        raise MemoryError
    add_kind(kinds, web_servers, MAY_BE_WEB_SERVER)
    add_kind(kinds, shells, MAY_BE_SHELL)
    return 0


cdef void add_kind(name_kinds *kinds, const name_table *names, int kind) noexcept nogil:
    cdef uint64_t slot
    for slot in range(names.slot_mask + 1):
        kinds.of[filter_bit(names.words[2 * slot], kinds.shift)] |= <uint8_t>kind


cdef int find_entry_kinds(comms *every) except -1 nogil:
    """Look at a dictionary's entries, once; one longer than the column is left alone."""
    cdef const column *c = every.c
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length, entry
    if c.layout != INDEXED or c.values.length > c.length or every.entry_kinds != NULL:
        return 0
    every.entry_kinds = <uint8_t *>malloc(c.values.length + 1)
    if every.entry_kinds == NULL:
        with gil:
            raise MemoryError
    for entry in range(c.values.length):
        every.entry_kinds[entry] = LOOK
        if plain_value_at(c.values, entry, &value, &length, &end) > 0:
            every.entry_kinds[entry] = kind_of(every.kinds, value, length, end)
    every.entry_kinds[c.values.length] = LOOK
    return 0


cdef inline uint8_t kind_of(
    const name_kinds *kinds, const uint8_t *value, int64_t length, const uint8_t *end
) noexcept nogil:
    cdef uint64_t low, high
    if length > LONGEST_NAME:
        return 0
    pad_name(value, <uint64_t>length, end, &low, &high)
    return kinds.of[filter_bit(low, kinds.shift)]


cdef int sift_comms(
    comms *every, int64_t base, int64_t span, uint64_t *checks, uint64_t *execs
) except -1 nogil:
    """Take the rows off whose comm is no web server (checks) or no shell (execs)."""
    cdef const column *c = every.c
    find_entry_kinds(every)
    if c.layout == OFFSETS_32:
        sift_offsets(every, <const uint32_t *>(c.items + 4 * base), span, checks, execs)
    elif c.layout == OFFSETS_64:
        sift_offsets(every, <const uint64_t *>(c.items + 8 * base), span, checks, execs)
    elif c.layout == VIEWS:
        sift_views(every, c.items + 16 * base, span, checks, execs)
    elif c.layout == FIXED and c.width >= 8:
        sift_fixed(every, c.data + base * c.stride, span, checks, execs)
    elif c.layout != INDEXED or every.entry_kinds == NULL:
        return 0
    elif c.index_bytes == 4:
        sift_indexed(every, <const uint32_t *>(c.items + 4 * base), span, checks, execs)
    elif c.index_bytes == 1:
        sift_indexed(every, c.items + base, span, checks, execs)
    elif c.index_bytes == 2:
        sift_indexed(every, <const uint16_t *>(c.items + 2 * base), span, checks, execs)
    else:
        sift_indexed(every, <const uint64_t *>(c.items + 8 * base), span, checks, execs)
    return 0


cdef inline void take_off(
    const uint8_t *kinds, int64_t word, uint64_t *checks, uint64_t *execs
) noexcept nogil:
    cdef uint64_t web_servers, shells
    split_64(kinds, &web_servers, &shells)
    checks[word] &= web_servers
    execs[word] &= shells


# The last rows of a batch, fewer than 64, are left for a closer look.

cdef void sift_fixed(
    const comms *every, const uint8_t *value, int64_t span, uint64_t *checks, uint64_t *execs
) noexcept nogil:
    cdef const uint8_t *kind_at = every.kinds.of
    cdef int shift = every.kinds.shift
    cdef ptrdiff_t stride = every.c.stride
    cdef uint8_t kinds[64]
    cdef int64_t word
    cdef int i
    for word in range(span >> 6):
        for i in range(64):
            kinds[i] = kind_at[filter_bit(load_8(value + i * stride), shift)]
        value += 64 * stride
        take_off(kinds, word, checks, execs)


cdef void sift_offsets(
    const comms *every, const unsigned_t *offsets, int64_t span, uint64_t *checks,
    uint64_t *execs
) noexcept nogil:
    cdef const uint8_t *kind_at = every.kinds.of
    cdef int shift = every.kinds.shift
    cdef const uint8_t *data = every.c.data
    cdef int64_t size = every.c.data_size, word, start, end
    cdef uint8_t kinds[64]
    cdef int i
    for word in range(span >> 6):
        end = <int64_t>load(offsets)
        for i in range(64):
            start = end
            end = <int64_t>load(offsets + i + 1)
            if unlikely(start > end or end > size or start < 0 or start > size - 8):
                # Damaged, or too near the buffer's end for a whole word.
                kinds[i] = LOOK
            else:
                kinds[i] = kind_at[filter_bit(first_word(data + start, end - start), shift)]
        offsets += 64
        take_off(kinds, word, checks, execs)


cdef void sift_views(
    const comms *every, const uint8_t *view, int64_t span, uint64_t *checks, uint64_t *execs
) noexcept nogil:
    cdef const uint8_t *kind_at = every.kinds.of
    cdef int shift = every.kinds.shift
    cdef uint8_t kinds[64]
    cdef int64_t word
    cdef uint32_t length
    cdef int i
    for word in range(span >> 6):
        for i in range(64):
            length = load_4(view + 16 * i)
            if unlikely(length > 12):
                kinds[i] = LOOK  # its bytes are elsewhere
            else:
                kinds[i] = kind_at[filter_bit(first_word(view + 16 * i + 4, length), shift)]
        view += 64 * 16
        take_off(kinds, word, checks, execs)


cdef void sift_indexed(
    const comms *every, const unsigned_t *indices, int64_t span, uint64_t *checks,
    uint64_t *execs
) noexcept nogil:
    cdef const uint8_t *entry_kinds = every.entry_kinds
    cdef uint64_t entries = <uint64_t>every.c.values.length
    cdef uint8_t kinds[64]
    cdef int64_t word
    cdef int i
    for word in range(span >> 6):
        for i in range(64):
            kinds[i] = entry_kinds[min(load(indices + i), entries)]
        indices += 64
        take_off(kinds, word, checks, execs)
