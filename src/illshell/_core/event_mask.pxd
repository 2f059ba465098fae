"""The event mask: which rows of a block are which event."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from illshell._core.columns cimport column
from illshell._core.rules cimport MAX_CLAUSES, clause, event_code
from illshell._core.selections cimport BLOCK_WORDS


cdef enum:
    # Words from an event's bitmap to the next; the first bitmap is that of all other events.
    MARKS_STRIDE = BLOCK_WORDS

ctypedef struct event_mask:
    const clause *clauses
    int n_clauses
    event_code constant       # of every row; UNKNOWN_EVENT: ask the column
    const column *c
    uint8_t *memo             # INDEXED: the code of each entry, UNKNOWN_EVENT: not asked
    int64_t damaged           # the first row whose value lies outside its buffers, else -1
    bint by_code              # the column is a dictionary with at most one entry for each event
    uint32_t codes[MAX_CLAUSES + 1]   # entries: no such code

# Prepare a mask. ``c``: the column of event names, which counts where ``constant`` is
# UNKNOWN_EVENT; NULL: null in every row.
cdef int prepare_mask(
    event_mask *mask, const clause *clauses, int n_clauses, event_code constant, const column *c
) except -1
cdef void release_mask(event_mask *mask) noexcept nogil

# Mark the block's rows of each event, in n_clauses + 1 bitmaps; a null name is another event's.
cdef void mark_events(
    event_mask *mask, int64_t base, int64_t span, uint64_t *marks) noexcept nogil
