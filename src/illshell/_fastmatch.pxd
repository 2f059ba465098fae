"""The C-level face of illshell's core, for other Cython packages to cimport.

    from illshell._fastmatch cimport C_CONTRACT_NUMBER, Matcher, NameSet

A package built against one version of this contract runs with an illshell whose
``illshell._fastmatch.C_CONTRACT`` is the same number; it rises with every change to a struct, to
the order of a class's fields or methods, or to what one of them means. Cython itself refuses to
import a class of another size.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t


cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>

    /* A perfect-hash table: each name has a slot of its own, and a slot is two words, the name
       zero-padded to 16 bytes. An empty slot holds two words that no name can have. */
    typedef struct {
        uint64_t seed_low, seed_high;
        uint64_t slot_mask, bucket_mask;
        uint32_t *displacements;      /* bucket_mask + 1 */
        uint64_t *words;              /* 2 * (slot_mask + 1) */
        uint8_t *lengths;             /* slot_mask + 1 */
        uint64_t *filter;             /* a bit for the hash of each name's first word */
        int filter_shift;             /* the hash's top 64 - filter_shift bits number the bits */
    } illshell_name_table;

    /* What a comm may be, by the hash of its first word: bit 0 a web server, bit 1 a shell. */
    typedef struct {
        uint8_t *of;
        int shift;                    /* the hash's top 64 - shift bits are the index */
    } illshell_name_kinds;

    enum { ILLSHELL_FIXED = 1, ILLSHELL_OFFSETS_32, ILLSHELL_OFFSETS_64, ILLSHELL_VIEWS,
           ILLSHELL_INDEXED };

    /* A column of byte strings in memory that somebody else owns. */
    typedef struct illshell_column {
        int layout;                   /* one of the ILLSHELL_ layouts */
        int64_t length;               /* rows */
        const uint8_t *validity;      /* bitmap, a 0 bit is a null; NULL: no nulls */
        int64_t validity_offset;      /* bits before row 0 */
        const uint8_t *data;          /* FIXED: row 0; OFFSETS: the bytes that offset 0 means */
        int64_t data_size;            /* OFFSETS: readable bytes from data on */
        ptrdiff_t stride;             /* FIXED: bytes from a row to the next */
        int64_t width;                /* FIXED: bytes of a value, zero-padded */
        const uint8_t *items;         /* row 0's offset, view or index */
        int index_bytes;              /* INDEXED: 1, 2, 4 or 8 */
        int64_t n_buffers;            /* VIEWS */
        const uint8_t **buffers;      /* VIEWS: n_buffers */
        int64_t *buffer_sizes;        /* VIEWS: n_buffers */
        const struct illshell_column *values;   /* INDEXED */
    } illshell_column;
    """
    ctypedef struct name_table "illshell_name_table":
        uint64_t seed_low, seed_high
        uint64_t slot_mask, bucket_mask
        uint32_t *displacements
        uint64_t *words
        uint8_t *lengths
        uint64_t *filter
        int filter_shift

    ctypedef struct name_kinds "illshell_name_kinds":
        uint8_t *of
        int shift

    enum:
        FIXED "ILLSHELL_FIXED"
        OFFSETS_32 "ILLSHELL_OFFSETS_32"
        OFFSETS_64 "ILLSHELL_OFFSETS_64"
        VIEWS "ILLSHELL_VIEWS"
        INDEXED "ILLSHELL_INDEXED"

    ctypedef struct column "illshell_column":
        int layout
        int64_t length
        const uint8_t *validity
        int64_t validity_offset
        const uint8_t *data
        int64_t data_size
        ptrdiff_t stride
        int64_t width
        const uint8_t *items
        int index_bytes
        int64_t n_buffers
        const uint8_t **buffers
        int64_t *buffer_sizes
        const column *values


cdef enum:
    C_CONTRACT_NUMBER = 2


cdef enum:
    # The answers of a dictionary's entries, and what is known of a batch's event
    UNKNOWN       # ask the column of event names
    NO            # neither event
    YES           # security_bprm_check
    EXEC          # sched_process_exec


cdef class NameSet:
    cdef name_table table
    cdef tuple names
    # Is this value, of any length and any bytes, one of the names? Reads these bytes only.
    cdef bint contains(self, const uint8_t *name, uint64_t length) noexcept nogil


cdef class Column:
    cdef column c
    cdef list owners
    cdef void keep(self, owner) noexcept


# Row numbers; they must not be appended to once a buffer of them is out.
cdef class Rows:
    cdef int64_t *rows
    cdef Py_ssize_t count
    cdef Py_ssize_t capacity
    cdef int append(self, int64_t row) except -1 nogil


cdef class Matcher:
    cdef readonly NameSet web_servers
    cdef readonly NameSet shells
    cdef readonly tuple events
    cdef bint wants_bprm_check
    cdef bint wants_exec
    cdef name_kinds kinds
    # The rule on a batch of columns. event is one of UNKNOWN, NO, YES and EXEC, for every row, and
    # counts where event_name is NULL; pathname and prev_comm may be NULL: null in every row. What
    # the columns point to stays unchanged until the call returns. Appends the rows that match and
    # the rows in error. Raises ColumnError. Needs the GIL, and takes it off while it works.
    cdef int match_columns(
        self, const column *event_name, int event, const column *process_name,
        const column *pathname, const column *prev_comm, Rows hits, Rows errors) except -1
    # The rule on the values of one event, whatever the events that the Matcher wants.
    cdef bint matches_check(
        self, const uint8_t *comm, uint64_t comm_length, const uint8_t *pathname,
        uint64_t pathname_length) noexcept nogil
    cdef bint matches_exec(
        self, const uint8_t *prev_comm, uint64_t prev_comm_length, const uint8_t *comm,
        uint64_t comm_length) noexcept nogil
