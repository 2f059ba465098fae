# cython: language_level=3
"""Another Cython package that uses illshell's core from C, as an engine's own code would."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset

from illshell._fastmatch cimport (
    BYTES,
    C_CONTRACT_NUMBER,
    IN_ERROR,
    MATCH,
    OFFSETS_32,
    Column,
    Matcher,
    NameSet,
    PatternSet,
    Rows,
    column,
    event_code,
    int64_at,
    text,
    value_at,
    verdict,
)

import illshell._fastmatch

if illshell._fastmatch.C_CONTRACT != C_CONTRACT_NUMBER:
    raise ImportError("built against another version of illshell's C-level contract")

cdef enum:
    MOST_FIELDS = 8


def count_members(NameSet names, list values):
    """Count the values that are names, without the GIL."""
    cdef bytes joined = b"".join(values)
    cdef const uint8_t *value = joined
    cdef list lengths = [len(each) for each in values]
    cdef Py_ssize_t n, count = 0
    for length in lengths:
        n = length
        with nogil:
            count += names.contains(value, n)
        value += n
    return count


def which_pattern(PatternSet patterns, bytes value):
    """Look a value up, without the GIL."""
    cdef const uint8_t *start = value
    cdef int64_t number, length = len(value)
    with nogil:
        number = patterns.index_of(start, length)
    return number


def match_one(Matcher matcher, str event, dict values):
    """Run the rule on the values of one event: True, False, or None for an error."""
    cdef text each[MOST_FIELDS]
    cdef verdict found
    memset(each, 0, sizeof(each))
    for field, value in values.items():
        each[matcher.field_number(field)].data = <bytes>value
        each[matcher.field_number(field)].length = len(value)
    found = matcher.match_values(matcher.code_of(event), each)
    return None if found == IN_ERROR else found == MATCH


def match_columns(Matcher matcher, str event, dict columns):
    """Run the rule on columns that live in this package's memory: pairs of bytes and offsets."""
    cdef const column *each[MOST_FIELDS]
    cdef column made[MOST_FIELDS]
    cdef const int32_t[::1] offsets
    cdef Rows hits = Rows(), errors = Rows()
    cdef event_code code = matcher.code_of(event)
    cdef int64_t length = 0
    cdef int n
    memset(each, 0, sizeof(each))
    memset(made, 0, sizeof(made))
    for field, (data, offsets) in columns.items():
        n = matcher.field_number(field)
        length = offsets.shape[0] - 1
        made[n].layout = OFFSETS_32
        made[n].kind = BYTES
        made[n].length = length
        made[n].data = <bytes>data
        made[n].data_size = len(data)
        made[n].items = <const uint8_t *>&offsets[0]
        each[n] = &made[n]
    matcher.match_columns(each, length, code, hits, errors)
    return list(hits), list(errors)


def sum_of(Column numbers):
    """Add up the integers of a column, without the GIL; nulls count as nothing."""
    cdef const column *c = &numbers.c
    cdef int64_t total = 0, value = 0, row
    with nogil:
        for row in range(c.length):
            if int64_at(c, row, &value) > 0:
                total += value
    return total


def longest_of(Column texts):
    """Find the length of a column's longest value, without the GIL."""
    cdef const column *c = &texts.c
    cdef const uint8_t *value
    cdef const uint8_t *end
    cdef int64_t longest = 0, length, row
    with nogil:
        for row in range(c.length):
            if value_at(c, row, &value, &length, &end) > 0 and length > longest:
                longest = length
    return longest
