"""Name classes: where many of a block's rows are wanted, one look at each value serves all clauses.

Each value of the column gets a byte that says which clauses it may belong to, 64 bytes become a
word of each clause's bitmap, and what is left of the rows is few enough to be listed. The byte only
ever errs towards a closer look.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from illshell._core.columns cimport (
    FIXED,
    INDEXED,
    OFFSETS_32,
    OFFSETS_64,
    VIEWS,
    column,
    plain_value_at,
)
from illshell._core.intrinsics cimport bits_of_64, load, load_4, load_8, unlikely, unsigned_t
from illshell._core.names cimport LONGEST_NAME, filter_bit, first_word, name_table, pad_name


cdef int build_classes(
    name_classes *classes, const name_table **names, int clauses
) except -1:
    cdef uint64_t count = 0, size, i
    cdef uint8_t untold = 0
    cdef int k
    classes.told = 0
    for k in range(clauses):
        if names[k] != NULL:
            classes.told |= <uint8_t>(1 << k)
            count += names[k].count
        else:
            untold |= <uint8_t>(1 << k)
    classes.shift = 64 - 10
    while (<uint64_t>1 << (64 - classes.shift)) < 4 * count:
        classes.shift -= 1
    size = <uint64_t>1 << (64 - classes.shift)
    classes.of = <uint8_t *>calloc(size, 1)
    if classes.of == NULL:
        raise MemoryError
    for i in range(size):
        classes.of[i] = untold
    for k in range(clauses):
        if names[k] != NULL:
            for i in range(names[k].slot_mask + 1):
                classes.of[filter_bit(names[k].words[2 * i], classes.shift)] |= <uint8_t>(1 << k)
    return 0


cdef void free_classes(name_classes *classes) noexcept:
    free(classes.of)
    classes.of = NULL


cdef int drop_by_class(
    class_column *by, int64_t base, int64_t span, uint64_t *marks, int64_t stride
) except -1 nogil:
    cdef const column *c = by.c
    if c == NULL:
        return 0
    find_entry_classes(by)
    if c.layout == OFFSETS_32:
        drop_offsets(by, <const uint32_t *>(c.items + 4 * base), span, marks, stride)
    elif c.layout == OFFSETS_64:
        drop_offsets(by, <const uint64_t *>(c.items + 8 * base), span, marks, stride)
    elif c.layout == VIEWS:
        drop_views(by, c.items + 16 * base, span, marks, stride)
    elif c.layout == FIXED and c.width >= 8:
        drop_fixed(by, c.data + base * c.stride, span, marks, stride)
    elif c.layout != INDEXED or by.of_entries == NULL:
        return 0
    elif c.index_bytes == 4:
        drop_indexed(by, <const uint32_t *>(c.items + 4 * base), span, marks, stride)
    elif c.index_bytes == 1:
        drop_indexed(by, c.items + base, span, marks, stride)
    elif c.index_bytes == 2:
        drop_indexed(by, <const uint16_t *>(c.items + 2 * base), span, marks, stride)
    else:
        drop_indexed(by, <const uint64_t *>(c.items + 8 * base), span, marks, stride)
    return 0


cdef int find_entry_classes(class_column *by) except -1 nogil:
    """Classify a dictionary's entries, once; one longer than the column is left alone."""
    cdef const column *c = by.c
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t length, entry
    if c.layout != INDEXED or c.values.length > c.length or by.of_entries != NULL:
        return 0
    by.of_entries = <uint8_t *>malloc(c.values.length + 1)
    if by.of_entries == NULL:
        with gil:
            raise MemoryError
    for entry in range(c.values.length):
        by.of_entries[entry] = ANY_CLASS
        if plain_value_at(c.values, entry, &value, &length, &end) > 0:
            by.of_entries[entry] = class_of(by.classes, value, length, end)
    by.of_entries[c.values.length] = ANY_CLASS
    return 0


cdef inline uint8_t class_of(
    const name_classes *classes, const uint8_t *value, int64_t length, const uint8_t *end
) noexcept nogil:
    cdef uint64_t low, high
    if length > LONGEST_NAME:
        return ~classes.told
    pad_name(value, <uint64_t>length, end, &low, &high)
    return classes.of[filter_bit(low, classes.shift)]


cdef inline void drop_others(
    const uint8_t *classes, uint8_t told, int64_t word, uint64_t *marks, int64_t stride
) noexcept nogil:
    """Keep of 64 rows those whose class has the bit of their clause."""
    cdef int k
    for k in range(CLASSES):
        if told >> k == 0:
            break
        if told >> k & 1:
            marks[k * stride + word] &= bits_of_64(classes, k)


cdef void drop_fixed(
    const class_column *by, const uint8_t *value, int64_t span, uint64_t *marks, int64_t pitch
) noexcept nogil:
    cdef const uint8_t *of = by.classes.of
    cdef uint8_t told = by.classes.told
    cdef int shift = by.classes.shift
    cdef ptrdiff_t stride = by.c.stride
    cdef uint8_t classes[64]
    cdef int64_t word
    cdef int i
    for word in range(span >> 6):
        for i in range(64):
            classes[i] = of[filter_bit(load_8(value + i * stride), shift)]
        value += 64 * stride
        drop_others(classes, told, word, marks, pitch)


cdef void drop_offsets(
    const class_column *by, const unsigned_t *offsets, int64_t span, uint64_t *marks,
    int64_t stride
) noexcept nogil:
    cdef const uint8_t *of = by.classes.of
    cdef uint8_t told = by.classes.told
    cdef int shift = by.classes.shift
    cdef const uint8_t *data = by.c.data
    cdef int64_t size = by.c.data_size, word, start, end
    cdef uint8_t classes[64]
    cdef int i
    for word in range(span >> 6):
        end = <int64_t>load(offsets)
        for i in range(64):
            start = end
            end = <int64_t>load(offsets + i + 1)
            if unlikely(start > end or end > size or start < 0 or start > size - 8):
                # Damaged, or too near the buffer's end for a whole word.
                classes[i] = ANY_CLASS
            else:
                classes[i] = of[filter_bit(first_word(data + start, end - start), shift)]
        offsets += 64
        drop_others(classes, told, word, marks, stride)


cdef void drop_views(
    const class_column *by, const uint8_t *view, int64_t span, uint64_t *marks, int64_t stride
) noexcept nogil:
    cdef const uint8_t *of = by.classes.of
    cdef uint8_t told = by.classes.told
    cdef int shift = by.classes.shift
    cdef uint8_t classes[64]
    cdef int64_t word
    cdef uint32_t length
    cdef int i
    for word in range(span >> 6):
        for i in range(64):
            length = load_4(view + 16 * i)
            if unlikely(length > 12):
                classes[i] = ANY_CLASS  # its bytes are elsewhere
            else:
                classes[i] = of[filter_bit(first_word(view + 16 * i + 4, length), shift)]
        view += 64 * 16
        drop_others(classes, told, word, marks, stride)


cdef void drop_indexed(
    const class_column *by, const unsigned_t *indices, int64_t span, uint64_t *marks,
    int64_t stride
) noexcept nogil:
    cdef const uint8_t *of_entries = by.of_entries
    cdef uint8_t told = by.classes.told
    cdef uint64_t entries = <uint64_t>by.c.values.length
    cdef uint8_t classes[64]
    cdef int64_t word
    cdef int i
    for word in range(span >> 6):
        for i in range(64):
            classes[i] = of_entries[min(load(indices + i), entries)]
        indices += 64
        drop_others(classes, told, word, marks, stride)
