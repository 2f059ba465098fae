"""Filters: which of the listed rows a predicate holds for."""

from libc.stdint cimport int64_t

from illshell._core.predicates cimport predicate
from illshell._core.selections cimport selection


# Keep the rows of the list that the predicate holds for; none of them may be null.
# ``base``: the block's first row.
cdef void keep(predicate *p, int64_t base, selection *s) noexcept nogil
