"""What the name of a task says; name_classes.py describes the bits."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from illshell._lineage.task_event cimport comm_words


cdef enum:
    SERVER = 1
    RUNTIME = 2
    BY_START = 4
    HELPER = 8
    SHELL = 16
    VARIANT = 32
    MULTI_CALL = 64
    LOADER = 128

    MEMO_BITS = 10


# A name or a prefix with its class bits; a length of 0 marks an empty slot.
ctypedef struct classed_name:
    comm_words words
    uint8_t length
    uint8_t is_prefix
    uint8_t bits


ctypedef struct known_class:
    comm_words words
    uint64_t bits


ctypedef struct class_table:
    classed_name *names       # slot_mask + 1
    uint64_t slot_mask
    uint32_t prefix_lengths   # bit n: there is a prefix of n bytes
    known_class *memo         # 2 ** MEMO_BITS: the names that were asked for last


cdef uint8_t look_up_class(class_table *table, comm_words name) noexcept nogil


cdef inline uint8_t class_of(class_table *table, comm_words name) noexcept nogil:
    """Return the class bits of a name; streams repeat few names, so most are remembered."""
    cdef uint64_t mixed = (
        (name.low ^ name.high * <uint64_t>0x9E3779B97F4A7C15) * <uint64_t>0xD6E8FEB86659FD93
    )
    cdef known_class *known = &table.memo[mixed >> (64 - MEMO_BITS)]
    if known.words.low != name.low or known.words.high != name.high:
        known.words = name
        known.bits = look_up_class(table, name)
    return <uint8_t>known.bits


cdef class NameClasses:
    cdef class_table table
    cdef readonly object lists
