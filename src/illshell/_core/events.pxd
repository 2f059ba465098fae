"""A rule over decoded events."""

from cpython.ref cimport PyObject

from illshell._core.rules cimport MAX_CLAUSES, MAX_FIELDS, MAX_STEPS


# Where an event has a field: a member of the event, or one of its arguments.
ctypedef struct payload_field:
    PyObject *key
    bint is_argument
    bint typed             # an argument's error names the Go type of a value that is no string

ctypedef struct payload_step:
    int kind               # one of those in events.pyx
    int field
    PyObject *names        # a frozenset, a tuple of suffixes or a PatternSet

ctypedef struct payload_clause:
    PyObject *event
    int count
    payload_step steps[MAX_STEPS]


cdef class EventSignature:
    cdef readonly object rule
    cdef readonly object callback      # None before init and after close
    cdef readonly bint closed
    cdef str event_key
    cdef list held                     # what the structs point to
    cdef int n_fields
    cdef payload_field fields[MAX_FIELDS]
    cdef int n_clauses
    cdef payload_clause clauses[MAX_CLAUSES]
    cdef PyObject *keep(self, value) except NULL
    cdef int add_clause(self, clause) except -1
    # Whether the rule matches a payload, a mapping.
    cdef bint matches_payload(self, payload) except -1
