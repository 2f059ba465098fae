"""Sets of names and of prefixes, and the look-ups that other modules inline."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from illshell._core.intrinsics cimport last_slash, load_8, mix, shift_down, unlikely, window


cdef extern from "illshell_core.h":
    ctypedef struct name_table "illshell_name_table":
        uint64_t count
        uint64_t seed_low, seed_high
        uint64_t slot_mask, bucket_mask
        uint32_t *displacements
        uint64_t *words
        uint8_t *lengths
        uint32_t *numbers
        uint64_t *filter
        int filter_shift

    ctypedef struct pattern_table "illshell_pattern_table":
        name_table names
        int n_lengths
        int lengths[15]
        name_table prefixes[15]


cdef enum:
    LONGEST_NAME = 15     # a comm is 16 bytes with its NUL


cdef class NameSet:
    cdef name_table table
    cdef tuple names
    # Whether a value, of any length and any bytes, is one of the names. Reads these bytes only.
    cdef bint contains(self, const uint8_t *name, uint64_t length) noexcept nogil
    # Which of the names the value is, in the order of iteration, or -1.
    cdef int64_t index_of(self, const uint8_t *name, uint64_t length) noexcept nogil


cdef class PatternSet:
    cdef pattern_table table
    cdef tuple patterns
    # Whether a value is one of the names or starts with one of the prefixes.
    cdef bint contains(self, const uint8_t *name, uint64_t length) noexcept nogil
    # Which of the patterns matches, in the order of iteration: the name, else the longest prefix;
    # -1 where none does.
    cdef int64_t index_of(self, const uint8_t *name, uint64_t length) noexcept nogil


cdef inline void pad_name(
    const uint8_t *name, uint64_t length, const uint8_t *end, uint64_t *low, uint64_t *high
) noexcept nogil:
    """Load length <= 15 bytes as two words, zero-padded; never read at or past end."""
    cdef uint8_t padded[16]
    if unlikely(end - name < 16):
        memset(padded, 0, 16)
        memcpy(padded, name, length)
        low[0] = load_8(padded)
        high[0] = load_8(padded + 8)
    else:
        low[0] = load_8(name) & load_8(window + 16 - length)
        high[0] = load_8(name + 8) & load_8(window + 24 - length)


cdef inline uint64_t slot_of(const name_table *table, uint64_t low, uint64_t high) noexcept nogil:
    cdef uint64_t h = mix(low ^ table.seed_low, high ^ table.seed_high)
    return (h + table.displacements[(h >> 32) & table.bucket_mask]) & table.slot_mask


cdef inline bint has_words(const name_table *table, uint64_t low, uint64_t high) noexcept nogil:
    cdef uint64_t slot = slot_of(table, low, high)
    return (table.words[2 * slot] == low) & (table.words[2 * slot + 1] == high)


cdef inline bint has_name(
    const name_table *table, const uint8_t *name, uint64_t length, const uint8_t *end
) noexcept nogil:
    """Whether a value, of any length and any bytes, is one of the names."""
    cdef uint64_t low, high, slot
    if length > LONGEST_NAME:
        return False
    pad_name(name, length, end, &low, &high)
    slot = slot_of(table, low, high)
    # The length tells a name from the same name with NUL bytes behind it.
    return (
        (table.words[2 * slot] == low)
        & (table.words[2 * slot + 1] == high)
        & (table.lengths[slot] == length)
    )


cdef inline bint has_basename(
    const name_table *table, const uint8_t *path, int64_t length, const uint8_t *start,
    const uint8_t *end
) noexcept nogil:
    """Whether a path ends with a slash and one of the names. Reads from start up to end only."""
    cdef uint64_t low, high, slot
    cdef int slash, bytes = 16
    # A name and its slash are in the last 16 bytes, or they are not there. Bytes before the path
    # do no harm: a slash among them makes a basename that is no shorter than the path.
    if unlikely(path + length - start < 16):
        pad_name(path, <uint64_t>length, end, &low, &high)
        bytes = <int>length
    else:
        low = load_8(path + length - 16)
        high = load_8(path + length - 8)
    slash = last_slash(high) + 8
    if slash < 8:
        slash = last_slash(low)
    bytes -= slash + 1
    if slash < 0 or bytes == 0 or bytes >= length:
        return False
    shift_down(&low, &high, slash + 1)
    slot = slot_of(table, low, high)
    return (
        (table.words[2 * slot] == low)
        & (table.words[2 * slot + 1] == high)
        & (table.lengths[slot] == bytes)
    )


cdef inline int64_t name_number(
    const name_table *table, const uint8_t *name, uint64_t length, const uint8_t *end
) noexcept nogil:
    """Return which of the names a value is, or -1."""
    cdef uint64_t low, high, slot
    if table.count == 0 or length > LONGEST_NAME:
        return -1
    pad_name(name, length, end, &low, &high)
    slot = slot_of(table, low, high)
    if table.words[2 * slot] != low or table.words[2 * slot + 1] != high \
            or table.lengths[slot] != length:
        return -1
    return table.numbers[slot]


cdef inline int64_t pattern_number(
    const pattern_table *table, const uint8_t *name, uint64_t length, const uint8_t *end
) noexcept nogil:
    """Return which of the patterns matches: the name, else the longest prefix; -1 for none."""
    cdef int64_t number = name_number(&table.names, name, length, end)
    cdef uint64_t low, high, first, second, slot
    cdef const name_table *prefixes
    cdef int i, bytes
    if number >= 0 or table.n_lengths == 0:
        return number
    pad_name(name, length if length < LONGEST_NAME else LONGEST_NAME, end, &low, &high)
    for i in range(table.n_lengths):
        bytes = table.lengths[i]
        if <uint64_t>bytes > length:
            continue
        # A prefix holds no NUL byte, so that equal words are equal bytes.
        prefixes = &table.prefixes[i]
        first = low & load_8(window + 16 - bytes)
        second = high & load_8(window + 24 - bytes)
        slot = slot_of(prefixes, first, second)
        if prefixes.words[2 * slot] == first and prefixes.words[2 * slot + 1] == second:
            return prefixes.numbers[slot]
    return -1


cdef inline uint64_t first_word(const uint8_t *value, int64_t length) noexcept nogil:
    """Load the first 8 bytes, those behind the value as zeros; they must be readable."""
    return load_8(value) & load_8(window + 16 - (length if length < 8 else 8))


cdef inline uint64_t filter_bit(uint64_t low, int shift) noexcept nogil:
    """Return which bit of a filter stands for names with this first word."""
    return (low * <uint64_t>0x9E3779B97F4A7C15) >> shift


# The bytes of a name: a str is UTF-8, and may hold surrogates.
cdef bytes name_bytes(name)
