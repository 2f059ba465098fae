"""Rules compiled to C: clauses, steps and predicates over numbered fields."""

from libc.stdint cimport int64_t, uint8_t

from illshell._core.columns cimport text
from illshell._core.name_classes cimport name_classes
from illshell._core.predicates cimport predicate


cdef enum:
    MAX_CLAUSES = 8
    MAX_STEPS = 24         # those of illshell.model.rule, and a SKIP_NULLS for each of them
    MAX_FIELDS = 32
    MAX_PREDICATES = 96

# What is known of the event that a row is. The code of the rule's clause k is FIRST_EVENT + k.
ctypedef int event_code

cdef enum:
    UNKNOWN_EVENT          # ask the column of event names
    OTHER_EVENT            # one that the rule has no clause for
    FIRST_EVENT

ctypedef enum verdict:
    NO_MATCH
    MATCH
    IN_ERROR               # a field that the rule requires is null

cdef enum:
    # Kinds of steps
    REQUIRE                # a null is an error
    SKIP_NULLS             # a null is no match; stands before tests of fields that are not required
    TEST

ctypedef struct step:
    int kind
    int field
    int predicate          # TEST: its number

ctypedef struct clause:
    const uint8_t *event
    int64_t event_length
    int count
    int leading            # the steps before the first TEST
    step steps[MAX_STEPS]

ctypedef struct rule_table:
    int n_fields
    int n_clauses
    clause clauses[MAX_CLAUSES]
    int n_predicates
    predicate predicates[MAX_PREDICATES]   # bound to no column
    int predicate_fields[MAX_PREDICATES]
    int class_field        # the field whose values name_classes classifies; -1: none
    name_classes classes


cdef class CompiledRule:
    cdef readonly object rule
    cdef readonly tuple fields             # names; a field's number is its index, the event's is 0
    cdef tuple events                      # bytes, in the order of the clauses
    cdef list sets                         # what the predicates' tables belong to
    cdef rule_table table
    # The number of a field. Raises ValueError for one that the rule does not read.
    cdef int field_number(self, str name) except -1
    # The code of an event's name, OTHER_EVENT where the rule has no clause for it.
    cdef event_code code_of(self, str event) except -1
    # The rule on the values of one event, by the fields' numbers; data NULL is a null.
    cdef verdict match_values(self, event_code event, const text *values) noexcept nogil
