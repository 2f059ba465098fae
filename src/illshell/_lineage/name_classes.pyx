# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Classes of comms, as bits, from lists of names."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from illshell._lineage.task_event cimport comm_words


cdef class NameClasses:
    """Classes of comms; the lists are immutable, but what was asked for last is remembered.

    ``lists``: an :class:`illshell.signatures.name_lists.NameLists`. Not thread-safe.
    """

    def __cinit__(self, lists):
        self.lists = lists
        kinds = (
            (SERVER, lists.web_servers),
            (RUNTIME, [runtime.name for runtime in lists.runtimes]),
            (BY_START, [runtime.name for runtime in lists.runtimes if runtime.by_start]),
            (HELPER, lists.helpers),
            (SHELL, lists.shells),
            (MULTI_CALL, lists.multi_calls),
            (LOADER, lists.loaders),
        )
        cdef uint64_t slots = 16
        while slots < 2 * sum(len(names) for _, names in kinds):
            slots *= 2
        self.table.slot_mask = slots - 1
        self.table.names = <classed_name *>calloc(slots, sizeof(classed_name))
        self.table.memo = <known_class *>calloc(1 << MEMO_BITS, sizeof(known_class))
        if self.table.names == NULL or self.table.memo == NULL:
            raise MemoryError
        for bits, names in kinds:
            for name in names:
                add_name(&self.table, words_of(name.text), len(bytes_of(name.text)),
                         name.is_prefix, bits)

    def __dealloc__(self):
        free(self.table.names)
        free(self.table.memo)

    def of(self, bytes comm):
        """Return the class bits of a comm of 0 to 15 bytes."""
        if len(comm) > 15:
            raise ValueError(f"{comm!r} has {len(comm)} bytes; a comm holds at most 15")
        return class_of(&self.table, words_of(comm))


cdef bytes bytes_of(text):
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


cdef comm_words words_of(text) except *:
    cdef comm_words words
    cdef bytes padded = bytes_of(text).ljust(16, b"\0")
    memcpy(&words, <const char *>padded, 16)
    return words


cdef inline comm_words head_of(comm_words name, int length) noexcept nogil:
    """Return the first bytes of a name."""
    if length <= 8:
        name.high = 0
        if length < 8:
            name.low &= (<uint64_t>1 << (8 * length)) - 1
    else:
        name.high &= (<uint64_t>1 << (8 * (length - 8))) - 1
    return name


cdef classed_name *slot_of(
    class_table *table, comm_words words, int length, bint is_prefix
) noexcept nogil:
    """Return the slot of a name, or the empty one where it belongs."""
    cdef uint64_t slot = (
        (words.low ^ words.high * <uint64_t>0x9E3779B97F4A7C15)
        + <uint64_t>(2 * length + is_prefix)
    ) * <uint64_t>0xD6E8FEB86659FD93
    cdef classed_name *name
    slot >>= 32
    while True:
        name = &table.names[slot & table.slot_mask]
        if name.length == 0 or (
            name.words.low == words.low and name.words.high == words.high
            and name.length == length and name.is_prefix == is_prefix
        ):
            return name
        slot += 1


cdef void add_name(
    class_table *table, comm_words words, int length, bint is_prefix, int bits
) noexcept nogil:
    cdef classed_name *name = slot_of(table, words, length, is_prefix)
    name.words = words
    name.length = <uint8_t>length
    name.is_prefix = is_prefix
    name.bits |= <uint8_t>bits
    if is_prefix:
        table.prefix_lengths |= <uint32_t>1 << length


cdef inline int length_of(comm_words name) noexcept nogil:
    cdef const uint8_t *text = <const uint8_t *>&name
    cdef int length = 0
    while length < 16 and text[length] != 0:
        length += 1
    return length


cdef uint8_t listed_bits(class_table *table, comm_words name, int length) noexcept nogil:
    cdef uint8_t bits = slot_of(table, name, length, False).bits
    cdef int head
    for head in range(1, length + 1):
        if table.prefix_lengths >> head & 1:
            bits |= slot_of(table, head_of(name, head), head, True).bits
    return bits


cdef uint8_t look_up_class(class_table *table, comm_words name) noexcept nogil:
    """Return the class bits of a name, from the lists."""
    cdef const uint8_t *text = <const uint8_t *>&name
    cdef int length = length_of(name), head
    cdef uint8_t bits, last
    if length == 0:
        return 0
    bits = listed_bits(table, name, length)
    if not bits & SHELL:
        head = length
        while head > 0:
            last = text[head - 1]
            if not (48 <= last <= 57 or last == 45 or last == 46 or last == 95):
                break
            head -= 1
        if 0 < head < length and listed_bits(table, head_of(name, head), head) & SHELL:
            bits |= SHELL | VARIANT
    if bits & SERVER:
        bits &= ~(RUNTIME | BY_START)
    return bits
