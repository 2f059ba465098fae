"""Name classes: a byte for each value of a column says which clauses it may belong to."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from illshell._core.columns cimport column
from illshell._core.names cimport name_table


cdef enum:
    CLASSES = 8               # bits of a class, one for a clause
    ANY_CLASS = 0xff          # nothing is known of the value

ctypedef struct name_classes:
    # By the hash of a value's first word: bit k, whether it may be a name that clause k asks for.
    uint8_t *of
    int shift                 # the hash's top 64 - shift bits are the index
    uint8_t told              # the clauses that the bits say something of

ctypedef struct class_column:
    const column *c           # NULL: nothing is to be learnt
    const name_classes *classes
    uint8_t *of_entries       # INDEXED: of each entry, ANY_CLASS behind the last; NULL: not asked

# ``names``: the names that each clause asks for, NULL for any value. free_classes frees.
cdef int build_classes(
    name_classes *classes, const name_table **names, int clauses) except -1
cdef void free_classes(name_classes *classes) noexcept

# Take the block's rows off whose value can't belong to their clause. ``marks``: of each clause the
# bitmap of its rows, ``stride`` words apart; the last rows, fewer than 64, stay as they are.
cdef int drop_by_class(
    class_column *by, int64_t base, int64_t span, uint64_t *marks, int64_t stride
) except -1 nogil
