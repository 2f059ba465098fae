"""A table of tasks by host and pid, and the newest time of each host."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from illshell._lineage.task_event cimport comm_words, task_event


cdef extern from *:
    """
    #if defined(__GNUC__)
    #define illshell_prefetch(p) __builtin_prefetch(p)
    #else
    #define illshell_prefetch(p)
    #endif
    """
    void prefetch "illshell_prefetch"(const void *) noexcept nogil


cdef enum:
    # Flags of a task; the reference's task_table.py says what they mean
    IS_SERVER = 1
    IS_MAIN = 2
    IS_BELOW = 4
    HAS_EXITED = 8
    IS_PENDING = 16
    NEW_SERVER = 32
    IS_REPORTED = 64
    IS_DEFERRED = 128
    IS_EXACT = 256
    IS_SUSPECT = 512
    IS_FORKED = 1024

    MAX_AGE = 3
    FIRST_CAPACITY = 1024
    CLOCK_BITS = 10
    MAX_STRIKES = 16


# 88 bytes, without padding: a snapshot holds them as they are.
ctypedef struct task:
    uint64_t host
    int32_t pid
    int32_t parent_pid
    int64_t time
    int64_t seen
    int64_t start_time
    uint32_t entity
    int32_t server_pid
    uint32_t check_hash
    uint16_t flags
    uint8_t depth
    uint8_t age
    comm_words comm
    comm_words server_comm


ctypedef struct host_clock:
    uint64_t host
    int64_t newest
    uint32_t strikes
    uint32_t is_known


# Tasks lie densely. The index is open addressing with linear probing: a slot is 0 or a task's
# number + 1 in its low `bits` bits, with as much of the hash as fits above.
ctypedef struct task_table:
    task *tasks
    uint64_t count
    uint64_t capacity
    uint64_t max_tasks
    uint32_t *index
    int bits
    uint64_t hand
    uint64_t evicted
    int64_t window
    host_clock *clocks


cdef int open_table(task_table *table, uint64_t max_tasks, int64_t window) except -1
cdef void close_table(task_table *table) noexcept nogil
# Set the capacity, for at least the tasks that there are, and index them anew.
cdef int resize(task_table *table, uint64_t capacity) except -1 nogil
# Put a task of the pool into the index.
cdef void index_task(task_table *table, uint64_t number) noexcept nogil
# Write an event's task anew, or add it where it is NULL; tasks may move.
cdef task *keep(
    task_table *table, const task_event *event, task *old, comm_words comm
) except NULL nogil
# Forget a task; the last one takes its place.
cdef void remove(task_table *table, task *old) noexcept nogil
cdef int64_t advance_clock(task_table *table, uint64_t host, int64_t time) noexcept nogil


cdef inline uint64_t hash_of(uint64_t host, int32_t pid) noexcept nogil:
    cdef uint64_t mixed = host ^ <uint64_t><uint32_t>pid * <uint64_t>0x9E3779B97F4A7C15
    mixed ^= mixed >> 29
    return mixed * <uint64_t>0xD6E8FEB86659FD93


cdef inline task *find_hashed(
    const task_table *table, uint64_t hashed, uint64_t host, int32_t pid
) noexcept nogil:
    cdef uint64_t slot = hashed >> (64 - table.bits)
    cdef uint32_t mask = (<uint32_t>1 << table.bits) - 1, entry
    cdef task *found
    while True:
        entry = table.index[slot]
        if entry == 0:
            return NULL
        if (entry ^ <uint32_t>hashed) & ~mask == 0:
            found = &table.tasks[(entry & mask) - 1]
            if found.pid == pid and found.host == host:
                return found
        slot = (slot + 1) & mask


cdef inline task *find(const task_table *table, uint64_t host, int32_t pid) noexcept nogil:
    """Return the task of that host and pid, or NULL."""
    return find_hashed(table, hash_of(host, pid), host, pid)


cdef inline void prefetch_slot(const task_table *table, uint64_t hashed) noexcept nogil:
    prefetch(&table.index[hashed >> (64 - table.bits)])


cdef inline void prefetch_task(const task_table *table, uint64_t hashed) noexcept nogil:
    """Fetch the task that most likely is meant; the slot must be near already."""
    cdef uint32_t mask = (<uint32_t>1 << table.bits) - 1
    cdef uint32_t entry = table.index[hashed >> (64 - table.bits)]
    if entry != 0:
        prefetch(&table.tasks[(entry & mask) - 1])
        prefetch(<const uint8_t *>&table.tasks[(entry & mask) - 1] + 64)


cdef inline int64_t newest_of(const task_table *table, uint64_t host) noexcept nogil:
    """Return the newest time of a host; 0 where it is not known."""
    cdef host_clock *clock = &table.clocks[
        (host * <uint64_t>0x9E3779B97F4A7C15) >> (64 - CLOCK_BITS)
    ]
    return clock.newest if clock.is_known and clock.host == host else 0
