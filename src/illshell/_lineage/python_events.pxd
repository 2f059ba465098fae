"""Python's objects for events and hits, and the core's structs of them."""

from illshell._lineage.hits cimport lineage_hit
from illshell._lineage.task_event cimport comm_words, task_event


cdef task_event event_of(event) except *
# Return a comm of at most 15 bytes, none of them NUL, as words; ValueError for another.
cdef comm_words words_of(bytes comm) except *
cdef object hit_of(const lineage_hit *hit)
