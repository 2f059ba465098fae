"""The C-level face of illshell's core, for other Cython packages to cimport.

    from illshell._fastmatch cimport C_CONTRACT_NUMBER, Matcher, NameSet

``illshell._fastmatch.get_include()`` returns the folder that the C compiler needs in its include
path. A package built against one version of this contract runs with an illshell whose
``illshell._fastmatch.C_CONTRACT`` is the same number; it rises with every change to a struct, to
the order of a class's fields or methods, or to what one of them means. Cython itself refuses to
import a class of another size. The contract is what this file names; the rest of illshell/_core may
change without notice.
"""

from libc.stdint cimport int64_t

from illshell._core.columns cimport (
    BITS,
    BOOL,
    BYTES,
    FIXED,
    INDEXED,
    INT64,
    INTEGERS,
    OFFSETS_32,
    OFFSETS_64,
    VIEWS,
    Column,
    column,
    int64_at,
    text,
    value_at,
)
from illshell._core.names cimport NameSet, PatternSet
from illshell._core.rows cimport Rows
from illshell._core.rules cimport (
    IN_ERROR,
    MATCH,
    NO_MATCH,
    OTHER_EVENT,
    UNKNOWN_EVENT,
    CompiledRule,
    event_code,
    verdict,
)


cdef enum:
    C_CONTRACT_NUMBER = 3


cdef class Matcher(CompiledRule):
    # The rule on columns: ``columns[n]`` is the column of field number n (field_number says which),
    # each of ``length`` rows, NULL for one that is null in every row; there are as many as the rule
    # has fields. ``event``: code_of the event of every row, or UNKNOWN_EVENT where columns[0] says
    # it. What the columns point to stays unchanged until the call returns. Appends the rows that
    # match and the rows in error. Raises ColumnError. Needs the GIL, and releases it for the loops.
    cdef int match_columns(
        self, const column *const *columns, int64_t length, event_code event, Rows hits,
        Rows errors) except -1
