"""The C-level face of illshell's core."""

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


cdef class NameSet:
    cdef name_table table
    cdef tuple names
    cdef bint contains(self, const uint8_t *name, uint64_t length) noexcept nogil


cdef class Column:
    cdef column c
    cdef list owners
    cdef void keep(self, owner) noexcept


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
