# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""A table of tasks by host and pid, bounded, with its eviction."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from illshell._lineage.task_event cimport comm_words, task_event


cdef int open_table(task_table *table, uint64_t max_tasks, int64_t window) except -1:
    table.max_tasks = max_tasks
    table.window = window
    table.clocks = <host_clock *>calloc(1 << CLOCK_BITS, sizeof(host_clock))
    if table.clocks == NULL:
        raise MemoryError
    resize(table, FIRST_CAPACITY if FIRST_CAPACITY < max_tasks else max_tasks)
    return 0


cdef void close_table(task_table *table) noexcept nogil:
    free(table.tasks)
    free(table.index)
    free(table.clocks)


cdef int resize(task_table *table, uint64_t capacity) except -1 nogil:
    cdef int bits = 4
    cdef uint64_t i
    cdef uint32_t *index
    cdef task *tasks
    while (<uint64_t>1 << bits) < 2 * capacity:
        bits += 1
    index = <uint32_t *>calloc(<uint64_t>1 << bits, sizeof(uint32_t))
    if index == NULL:
        with gil:
            raise MemoryError
    tasks = <task *>realloc(table.tasks, capacity * sizeof(task))
    if tasks == NULL:
        free(index)
        with gil:
            raise MemoryError
    free(table.index)
    table.index = index
    table.tasks = tasks
    table.bits = bits
    table.capacity = capacity
    for i in range(table.count):
        index_task(table, i)
    return 0


cdef void index_task(task_table *table, uint64_t number) noexcept nogil:
    cdef const task *indexed = &table.tasks[number]
    cdef uint64_t hashed = hash_of(indexed.host, indexed.pid)
    cdef uint64_t slot = hashed >> (64 - table.bits)
    cdef uint32_t mask = (<uint32_t>1 << table.bits) - 1
    while table.index[slot] != 0:
        slot = (slot + 1) & mask
    table.index[slot] = (<uint32_t>hashed & ~mask) | <uint32_t>(number + 1)


cdef uint64_t slot_of_task(const task_table *table, uint64_t number) noexcept nogil:
    cdef const task *indexed = &table.tasks[number]
    cdef uint64_t slot = hash_of(indexed.host, indexed.pid) >> (64 - table.bits)
    cdef uint32_t mask = (<uint32_t>1 << table.bits) - 1
    while (table.index[slot] & mask) != number + 1:
        slot = (slot + 1) & mask
    return slot


cdef void remove(task_table *table, task *old) noexcept nogil:
    cdef uint64_t number = <uint64_t>(old - table.tasks), last = table.count - 1
    cdef uint64_t empty = slot_of_task(table, number), slot = empty, home
    cdef uint32_t mask = (<uint32_t>1 << table.bits) - 1, entry
    cdef const task *other
    # Move back what stands behind, so that no probe ends early.
    while True:
        slot = (slot + 1) & mask
        entry = table.index[slot]
        if entry == 0:
            break
        other = &table.tasks[(entry & mask) - 1]
        home = hash_of(other.host, other.pid) >> (64 - table.bits)
        if ((slot - home) & mask) >= ((slot - empty) & mask):
            table.index[empty] = entry
            empty = slot
    table.index[empty] = 0
    if number != last:
        slot = slot_of_task(table, last)
        table.index[slot] = (table.index[slot] & ~mask) | <uint32_t>(number + 1)
        table.tasks[number] = table.tasks[last]
    table.count = last


cdef task *keep(
    task_table *table, const task_event *event, task *old, comm_words comm
) except NULL nogil:
    cdef task *kept = old
    if kept == NULL:
        if table.count == table.capacity:
            make_room(table)
        kept = &table.tasks[table.count]
        memset(kept, 0, sizeof(task))
        kept.host = event.host
        kept.pid = event.pid
        index_task(table, table.count)
        table.count += 1
    kept.parent_pid = event.parent_pid
    kept.time = event.time
    if event.time > kept.seen:
        kept.seen = event.time
    if event.start_time and (event.tid == 0 or event.tid == event.pid):
        kept.start_time = event.start_time
    if event.entity:
        kept.entity = event.entity
    kept.comm = comm
    kept.age = 1
    return kept


cdef int make_room(task_table *table) except -1 nogil:
    """Make room for one task: drop those that ended, then grow, then evict."""
    cdef uint64_t i = 0, capacity
    cdef task *old
    if table.capacity < table.max_tasks:
        while i < table.count:
            old = &table.tasks[i]
            if old.flags & HAS_EXITED and old.seen < newest_of(table, old.host) - table.window:
                remove(table, old)
            else:
                i += 1
        if 4 * table.count > 3 * table.capacity:
            capacity = 2 * table.capacity
            resize(table, capacity if capacity < table.max_tasks else table.max_tasks)
    if table.count == table.capacity:
        evict(table)
    return 0


cdef void evict(task_table *table) noexcept nogil:
    """Forget the task that was longest without a sign of life: the clock algorithm."""
    cdef task *old
    while True:
        if table.hand >= table.count:
            table.hand = 0
        old = &table.tasks[table.hand]
        if old.age == 0:
            remove(table, old)
            table.evicted += 1
            return
        old.age -= 1
        table.hand += 1


cdef int64_t advance_clock(task_table *table, uint64_t host, int64_t time) noexcept nogil:
    """Record the time of an event; return the newest of its host."""
    cdef host_clock *clock = &table.clocks[
        (host * <uint64_t>0x9E3779B97F4A7C15) >> (64 - CLOCK_BITS)
    ]
    if not clock.is_known or clock.host != host:
        clock.host = host
        clock.newest = 0
        clock.strikes = 0
        clock.is_known = 1
    if time >= clock.newest:
        clock.newest = time
        clock.strikes = 0
    elif time == 0 or time >= clock.newest - table.window:
        clock.strikes = 0
    else:
        clock.strikes += 1
        if clock.strikes == MAX_STRIKES:
            clock.newest = time
            clock.strikes = 0
    return clock.newest
