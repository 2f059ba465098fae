# cython: language_level=3
"""Another Cython package that uses illshell's core from C, as an engine's own code would."""

from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memset

from illshell._fastmatch cimport (
    C_CONTRACT_NUMBER,
    EXEC,
    OFFSETS_32,
    UNKNOWN,
    YES,
    Matcher,
    NameSet,
    Rows,
    column,
)

import illshell._fastmatch

if illshell._fastmatch.C_CONTRACT != C_CONTRACT_NUMBER:
    raise ImportError("built against another version of illshell's C-level contract")


def count_members(NameSet names, list values):
    """Count the values that are names, without the GIL."""
    cdef bytes joined = b"".join(values)
    cdef const uint8_t *text = joined
    cdef list lengths = [len(value) for value in values]
    cdef Py_ssize_t n, count = 0
    for length in lengths:
        n = length
        with nogil:
            count += names.contains(text, n)
        text += n
    return count


def match_one(Matcher matcher, bytes comm, bytes pathname):
    """Judge one security_bprm_check."""
    return matcher.matches_check(comm, len(comm), pathname, len(pathname))


def match_exec(Matcher matcher, bytes prev_comm, bytes comm):
    """Judge one sched_process_exec."""
    return matcher.matches_exec(prev_comm, len(prev_comm), comm, len(comm))


def match_columns(Matcher matcher, bint execs, bytes comms, const int32_t[::1] comm_offsets,
                  bytes others, const int32_t[::1] other_offsets):
    """Judge columns that live in this package's memory."""
    cdef column comm, other
    cdef Rows hits = Rows(), errors = Rows()
    memset(&comm, 0, sizeof(column))
    comm.layout = OFFSETS_32
    comm.length = comm_offsets.shape[0] - 1
    comm.data = comms
    comm.data_size = len(comms)
    comm.items = <const uint8_t *>&comm_offsets[0]
    other = comm
    other.data = others
    other.data_size = len(others)
    other.items = <const uint8_t *>&other_offsets[0]
    matcher.match_columns(
        NULL, EXEC if execs else YES, &comm, NULL if execs else &other, &other if execs else NULL,
        hits, errors)
    return list(hits), list(errors)
