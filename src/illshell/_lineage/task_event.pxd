"""One event of a task as the core sees it; task_events.py describes the fields."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef enum:
    # Kinds
    EXEC = 1
    CHECK = 2
    FORK = 3
    EXIT = 4
    # Marks
    SHELL_NAME = 1
    SHELL_VERSION = 2
    SHELL_PATH = 4
    MEMFD = 8
    FD_PATH = 16
    DELETED_FILE = 32
    LOADER_MARK = 64
    MULTI_CALL_MARK = 128
    SAME_FILE = 256
    SAME_HASH = 512
    EXACT = 1 << 15
    # Hints
    SERVER_ARGUMENTS = 1
    OTHER_ARGUMENTS = 2
    # Evidence
    BY_NAME = 1
    BY_ITSELF = 2
    BY_PARENT = 3


# A name of at most 15 bytes, zero-padded, as two words.
ctypedef struct comm_words:
    uint64_t low
    uint64_t high


ctypedef struct task_event:
    uint64_t host
    int64_t time
    int64_t start_time
    int32_t pid
    int32_t parent_pid
    int32_t tid
    uint32_t entity
    uint32_t parent_entity
    uint16_t marks
    uint8_t kind
    uint8_t hints
    comm_words comm
    comm_words prev_comm
    uint8_t comm_class         # what the names are, by the lists of the Lineage at hand
    uint8_t prev_class


cdef inline comm_words cut_at_nul(comm_words words) noexcept nogil:
    """Return 16 bytes with zeros from the first NUL on, and in the last of them."""
    cdef uint64_t ones = <uint64_t>0x0101010101010101, tops = <uint64_t>0x8080808080808080
    cdef uint64_t nul = (words.low - ones) & ~words.low & tops
    if nul:
        words.low &= ((nul & (0 - nul)) >> 7) - 1
        words.high = 0
        return words
    words.high &= (<uint64_t>1 << 56) - 1
    # The lowest mark is exact, whatever a borrow does to those above.
    nul = (words.high - ones) & ~words.high & tops
    words.high &= ((nul & (0 - nul)) >> 7) - 1
    return words


cdef inline bint same_comm(comm_words one, comm_words other) noexcept nogil:
    return one.low == other.low and one.high == other.high


cdef inline uint32_t name_hash(comm_words comm) noexcept nogil:
    """Return 32 bits that stand for a name."""
    return <uint32_t>(
        ((comm.low ^ comm.high * <uint64_t>0x9E3779B97F4A7C15) * <uint64_t>0xD6E8FEB86659FD93) >> 32
    )
