"""By which signs an executed program may be a shell; rules.py describes the marks."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from illshell._lineage.name_classes cimport class_table
from illshell._lineage.task_event cimport comm_words, task_event


# Bytes of a value; a length of 0 where it is not known.
ctypedef struct text_value:
    const uint8_t *data
    int64_t length


ctypedef struct program_paths:
    text_value pathname
    text_value cmdpath
    text_value interp


cdef bint is_script(const program_paths *paths) noexcept nogil
# The last component of the executed file's path, cut as a comm is.
cdef comm_words file_name(const program_paths *paths) noexcept nogil
# Marks by names and paths; arguments are taken for unknown.
cdef uint16_t marks_of(
    const task_event *event, const program_paths *paths, class_table *classes
) noexcept nogil
# Whether TRC-1016, whose names are the classes, reports the event.
cdef bint is_exact(
    const task_event *event, const program_paths *paths, class_table *exact_classes
) noexcept nogil
cdef comm_words comm_of_text(text_value value) noexcept nogil
# 64 bits that stand for a text (FNV-1a); 0 for an empty one.
cdef uint64_t text_number(text_value value) noexcept nogil
