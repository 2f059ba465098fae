"""Files that ran as a shell, remembered by device and inode or by hash."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from illshell._lineage.task_event cimport comm_words, name_hash


cdef enum:
    FILE_BITS = 12
    MAX_OTHER_NAMES = 2


# 40 bytes, without padding; an inode of 0 marks an empty slot.
ctypedef struct known_file:
    uint64_t host
    uint64_t device
    uint64_t inode
    int64_t changed
    uint32_t last_other
    uint32_t other_names


cdef class KnownFiles:
    cdef known_file *files     # 2 ** FILE_BITS


cdef inline uint64_t slot_of_file(uint64_t host, uint64_t device, uint64_t inode) noexcept nogil:
    cdef uint64_t mixed = (host ^ device * <uint64_t>0x9E3779B97F4A7C15) + inode
    mixed = (mixed ^ mixed >> 32) * <uint64_t>0xD6E8FEB86659FD93
    return mixed >> 32 & ((1 << FILE_BITS) - 1)


cdef inline bint is_shell_file(
    known_file *files, uint64_t host, uint64_t device, uint64_t inode, int64_t changed,
    comm_words comm, bint by_name
) noexcept nogil:
    """Whether a file that runs under another name ran as a shell; learn it where by_name."""
    cdef known_file *known
    cdef bint is_same
    cdef uint32_t name
    if inode == 0:
        return False
    known = &files[slot_of_file(host, device, inode)]
    is_same = known.host == host and known.device == device and known.inode == inode
    if by_name:
        if not is_same or (changed and changed != known.changed):
            known.host = host
            known.device = device
            known.inode = inode
            known.changed = changed
            known.last_other = 0
            known.other_names = 0
        return False
    if not is_same or (changed and known.changed and known.changed != changed):
        return False
    name = name_hash(comm)
    if name != known.last_other:
        known.last_other = name
        if known.other_names < 255:
            known.other_names += 1
    return known.other_names <= MAX_OTHER_NAMES
