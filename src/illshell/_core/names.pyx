"""NameSet and PatternSet: names and prefixes in perfect-hash tables. See docs/matching.md."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from illshell._core.intrinsics cimport mix


cdef class NameSet:
    """An immutable set of names of 1 to 15 bytes, none of them NUL, in a perfect-hash table.

    ``names``: at least one str (taken as UTF-8) or bytes; a name given twice counts once.
    A look-up costs the same for 7 names and for 10,000: one multiplication, one slot, compared
    word by word. Thread-safe: nothing changes after construction.
    Raises ValueError for a name that no comm can have, TypeError for one str in place of several.
    """

    def __cinit__(self, names):
        self.names = distinct(names, "NameSet")
        for name in self.names:
            check_name(name)
        build_table(&self.table, self.names, range(len(self.names)))

    def __dealloc__(self):
        free_table(&self.table)

    cdef bint contains(self, const uint8_t *name, uint64_t length) noexcept nogil:
        return has_name(&self.table, name, length, name + length)

    cdef int64_t index_of(self, const uint8_t *name, uint64_t length) noexcept nogil:
        return name_number(&self.table, name, length, name + length)

    def __contains__(self, name):
        cdef bytes value = name_bytes(name)
        return self.contains(value, len(value))

    def index(self, name):
        """Return which of the names ``name`` is, in the order of iteration, or -1."""
        cdef bytes value = name_bytes(name)
        return self.index_of(value, len(value))

    def __len__(self):
        return len(self.names)

    def __iter__(self):
        return iter(self.names)

    def __repr__(self):
        return f"NameSet({list(self.names)!r})"

    def __reduce__(self):
        return NameSet, (self.names,)


cdef class PatternSet:
    """An immutable set of names, and of prefixes, which are written with a ``*`` at their end.

    ``patterns``: at least one str (taken as UTF-8) or bytes, such as ``nginx`` or ``php-fpm*``;
    names and prefixes have 1 to 15 bytes, none of them NUL. A value is in the set that is one of
    the names or starts with one of the prefixes, however long it is.
    A look-up costs one slot for the names and one for each length that a prefix has, however many
    there are. Thread-safe: nothing changes after construction.
    Raises ValueError for a pattern that can't be, TypeError for one str in place of several.
    """

    def __cinit__(self, patterns):
        self.patterns = distinct(patterns, "PatternSet")
        by_length = {}
        exact = {}
        for number, pattern in enumerate(self.patterns):
            if pattern.endswith(b"*"):
                check_name(pattern[:-1])
                by_length.setdefault(len(pattern) - 1, {})[pattern[:-1]] = number
            else:
                check_name(pattern)
                exact[pattern] = number
        if exact:
            build_table(&self.table.names, tuple(exact), exact.values())
        for length, prefixes in sorted(by_length.items(), reverse=True):
            build_table(
                &self.table.prefixes[self.table.n_lengths], tuple(prefixes), prefixes.values())
            self.table.lengths[self.table.n_lengths] = length
            self.table.n_lengths += 1

    def __dealloc__(self):
        cdef int i
        free_table(&self.table.names)
        for i in range(15):
            free_table(&self.table.prefixes[i])

    cdef bint contains(self, const uint8_t *name, uint64_t length) noexcept nogil:
        return pattern_number(&self.table, name, length, name + length) >= 0

    cdef int64_t index_of(self, const uint8_t *name, uint64_t length) noexcept nogil:
        return pattern_number(&self.table, name, length, name + length)

    def __contains__(self, name):
        cdef bytes value = name_bytes(name)
        return self.contains(value, len(value))

    def index(self, name):
        """Return which pattern matches ``name``, in the order of iteration; -1 where none does.

        It is the name itself where that is a pattern, else the longest prefix.
        """
        cdef bytes value = name_bytes(name)
        return self.index_of(value, len(value))

    def __len__(self):
        return len(self.patterns)

    def __iter__(self):
        return iter(self.patterns)

    def __repr__(self):
        return f"PatternSet({list(self.patterns)!r})"

    def __reduce__(self):
        return PatternSet, (self.patterns,)


cdef bytes name_bytes(name):
    return name.encode("utf-8", "surrogatepass") if isinstance(name, str) else bytes(name)


cdef tuple distinct(names, str what):
    """Return the names as bytes, each once, in their order."""
    if isinstance(names, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"a {what} takes several names, not one: write [{names!r}]")
    cdef tuple found = tuple(dict.fromkeys(map(name_bytes, names)))
    if not found:
        raise ValueError(f"a {what} needs at least one name")
    return found


cdef int check_name(bytes name) except -1:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise ValueError(f"name {name!r} has {len(name)} bytes; a comm holds 1 to 15")
    if b"\0" in name:
        raise ValueError(f"name {name!r} holds a NUL byte")
    return 0


cdef void free_table(name_table *table) noexcept:
    free(table.displacements)
    free(table.words)
    free(table.lengths)
    free(table.numbers)
    free(table.filter)


cdef int build_table(name_table *table, tuple names, numbers) except -1:
    """Find seeds and displacements that give every name a slot of its own.

    ``numbers``: of each name, what its slot is to hold. The table is zeroed memory.
    Hash and displace: names fall into buckets, and each bucket, the fullest first, gets the first
    displacement that puts all its names into free slots. Where that fails, the next seeds.
    """
    cdef uint64_t count = len(names), slots = 8, buckets = 1, random = 0x9E3779B97F4A7C15
    cdef uint64_t i, slot
    cdef bytes name
    cdef list number_of = list(numbers)
    while slots * 3 < count * 4:
        slots *= 2
    while buckets * 8 < count:
        buckets *= 2
    table.count = count
    table.slot_mask = slots - 1
    table.bucket_mask = buckets - 1
    table.displacements = <uint32_t *>calloc(buckets, sizeof(uint32_t))
    table.words = <uint64_t *>malloc(slots * 2 * sizeof(uint64_t))
    table.lengths = <uint8_t *>malloc(slots)
    table.numbers = <uint32_t *>calloc(slots, sizeof(uint32_t))
    table.filter_shift = 64 - 9
    while (<uint64_t>1 << (64 - table.filter_shift)) < 8 * count:
        table.filter_shift -= 1
    table.filter = <uint64_t *>calloc(<uint64_t>1 << (64 - table.filter_shift - 6), 8)
    cdef uint64_t *words = <uint64_t *>malloc(count * 2 * sizeof(uint64_t))
    cdef uint8_t *taken = <uint8_t *>malloc(slots)
    try:
        if not (table.displacements and table.words and table.lengths and table.numbers
                and table.filter and words and taken):
            raise MemoryError
        for i in range(count):
            name = names[i]
            pad_name(name, len(name), <const uint8_t *>name + len(name), words + 2 * i,
                     words + 2 * i + 1)
        while True:
            random = mix(random, 0xD6E8FEB86659FD93)
            table.seed_low = random
            random = mix(random + 1, 0xA0761D6478BD642F)
            table.seed_high = random
            if displace(table, words, count, taken):
                break
        # An empty slot repeats the first name, which is sought in its own slot only.
        for slot in range(slots):
            table.words[2 * slot] = words[0]
            table.words[2 * slot + 1] = words[1]
            table.lengths[slot] = <uint8_t>len(names[0])
        for i in range(count):
            slot = slot_of(table, words[2 * i], words[2 * i + 1])
            table.words[2 * slot] = words[2 * i]
            table.words[2 * slot + 1] = words[2 * i + 1]
            table.lengths[slot] = <uint8_t>len(names[i])
            table.numbers[slot] = number_of[i]
            slot = filter_bit(words[2 * i], table.filter_shift)
            table.filter[slot >> 6] |= <uint64_t>1 << (slot & 63)
    finally:
        free(words)
        free(taken)
    return 0


cdef bint displace(
    name_table *table, const uint64_t *words, uint64_t count, uint8_t *taken
) except? False:
    """Try one pair of seeds."""
    cdef uint64_t i, j, bucket, displacement, slot
    cdef list hashes, members = [[] for _ in range(table.bucket_mask + 1)]
    for i in range(count):
        h = mix(words[2 * i] ^ table.seed_low, words[2 * i + 1] ^ table.seed_high)
        members[(h >> 32) & table.bucket_mask].append(h)
    memset(taken, 0, table.slot_mask + 1)
    for bucket in sorted(range(len(members)), key=lambda b: -len(members[b])):
        hashes = members[bucket]
        for displacement in range(table.slot_mask + 1):
            for i in range(<uint64_t>len(hashes)):
                slot = (<uint64_t>hashes[i] + displacement) & table.slot_mask
                if taken[slot]:
                    for j in range(i):
                        taken[(<uint64_t>hashes[j] + displacement) & table.slot_mask] = 0
                    break
                taken[slot] = 1
            else:
                break
        else:
            return False
        table.displacements[bucket] = <uint32_t>displacement
    return True
