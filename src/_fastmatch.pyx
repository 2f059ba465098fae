"""The core: rules over packed columns, over Tracee's binary records and over decoded events.

It judges and never parses. The loops over columns run without the GIL, copy no value, and allocate
only the result and a byte for each entry of a dictionary. docs/matching.md says why they are exact.
The modules beneath it are in illshell/_core; this one has the column kernel, and is the public face
of all of them.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from illshell._core.columns cimport BYTES, INDEXED, Column, column
from illshell._core.event_mask cimport (
    MARKS_STRIDE,
    event_mask,
    mark_events,
    prepare_mask,
    release_mask,
)
from illshell._core.filters cimport keep
from illshell._core.intrinsics cimport count_bits
from illshell._core.name_classes cimport class_column, drop_by_class
from illshell._core.predicates cimport bind, predicate, release
from illshell._core.rows cimport Rows
from illshell._core.rules cimport (
    MAX_CLAUSES,
    MAX_FIELDS,
    MAX_PREDICATES,
    REQUIRE,
    TEST,
    UNKNOWN_EVENT,
    CompiledRule,
    clause,
    event_code,
    rule_table,
    step,
)
from illshell._core.selections cimport (
    BLOCK,
    BLOCK_WORDS,
    any_marked,
    append_marked,
    drop_nulls,
    list_marked,
    mark,
    selection,
)

from illshell._core.events cimport EventSignature
from illshell._core.names cimport NameSet, PatternSet
from illshell._core.records cimport Records

from illshell.model.errors import ColumnError

# A cimported class is no name of the module's for Python.
globals().update(
    Column=Column,
    CompiledRule=CompiledRule,
    EventSignature=EventSignature,
    NameSet=NameSet,
    PatternSet=PatternSet,
    Records=Records,
    Rows=Rows,
)

C_CONTRACT = C_CONTRACT_NUMBER

cdef enum:
    DENSE = 4    # of so many rows one is wanted, at least: classify every value

# What the loops over a batch work with, too large for the stack of a small thread.
ctypedef struct job:
    int64_t length
    const rule_table *rule
    const column *columns[MAX_FIELDS]
    predicate predicates[MAX_PREDICATES]
    event_mask mask
    class_column by_class
    uint64_t marks[(MAX_CLAUSES + 1) * BLOCK_WORDS]   # of other events, then of each clause
    uint64_t hits[BLOCK_WORDS]
    uint64_t errors[BLOCK_WORDS]
    uint64_t nulls[BLOCK_WORDS]                       # rows that are no match for a null
    selection listed


def get_include():
    """Return the folder of illshell_core.h, for the include path of modules that cimport this one.
    """
    from importlib.resources import files

    return str(files("illshell") / "_core")


cdef class Matcher(CompiledRule):
    """Runs a rule over columns. Thread-safe: nothing changes after construction.

    ``rule``: an :class:`illshell.model.rule.Rule`. Raises ValueError for a name that can't be.
    """

    def match(self, columns):
        """Return the rows that match and the rows in error, two Rows, both in order.

        ``columns``: a mapping of field names to Columns of bytes; that of the events may be a str,
        the name of every row. A field that is missing or None is null in every row, but there must
        be a Column, and that of the events. Columns that the rule does not read are looked at for
        their length only. Runs without the GIL.
        Raises ColumnError for columns of unequal lengths or of another kind, and where a value lies
        outside its column's buffers.
        """
        cdef const column *each[MAX_FIELDS]
        cdef Rows hits = Rows(), errors = Rows()
        cdef event_code event = UNKNOWN_EVENT
        cdef int64_t length
        cdef int number
        cdef Column given
        length = common_length(columns)
        for number, field in enumerate(self.fields):
            value = columns.get(field)
            each[number] = NULL
            if number == 0 and isinstance(value, str):
                event = self.code_of(value)
            elif value is not None:
                given = <Column?>value
                each[number] = &given.c
            elif number == 0:
                raise ColumnError(field, "missing: nothing says which events the rows are")
        self.match_columns(each, length, event, hits, errors)
        return hits, errors

    cdef int match_columns(
        self, const column *const *columns, int64_t length, event_code event, Rows hits,
        Rows errors
    ) except -1:
        cdef job *work
        check_columns(self.fields, columns, length)
        work = <job *>malloc(sizeof(job))
        if work == NULL:
            raise MemoryError
        try:
            begin(work, &self.table, columns, length, event)
            with nogil:
                match_batch(work, hits, errors)
            raise_damaged(self.fields, work)
        finally:
            end(work)
            free(work)
        return 0


def common_length(columns):
    """Return how many rows the columns of a mapping have, str and None among them left out.

    Raises ColumnError where two differ, and where there is no column.
    """
    cdef int64_t length = -1, rows
    cdef object first = None
    for field, each in columns.items():
        if isinstance(each, Column):
            rows = (<Column>each).c.length
            if length < 0:
                length = rows
                first = field
            elif rows != length:
                raise ColumnError(field, f"{rows} rows, where {first} has {length}")
    if length < 0:
        raise ColumnError("*", "there is no column to count the rows of")
    return length


cdef int check_columns(tuple fields, const column *const *columns, int64_t length) except -1:
    for number, field in enumerate(fields):
        each = columns[<int>number]
        if each == NULL:
            continue
        if each.length != length:
            raise ColumnError(field, f"{each.length} rows, where the batch has {length}")
        if each.kind != BYTES:
            raise ColumnError(field, "its values are no bytes")
    return 0


cdef int begin(
    job *work, const rule_table *rule, const column *const *columns, int64_t length,
    event_code event
) except -1:
    """Bind the rule to the columns; ``end`` frees what that allocates, after an error too."""
    cdef int i
    memset(&work.mask, 0, sizeof(event_mask))
    memset(&work.by_class, 0, sizeof(class_column))
    memset(work.predicates, 0, rule.n_predicates * sizeof(predicate))
    work.length = length
    work.rule = rule
    for i in range(rule.n_fields):
        work.columns[i] = columns[i]
    prepare_mask(&work.mask, rule.clauses, rule.n_clauses, event, work.columns[0])
    for i in range(rule.n_predicates):
        work.predicates[i] = rule.predicates[i]
        bind(&work.predicates[i], work.columns[rule.predicate_fields[i]])
    if rule.class_field >= 0:
        work.by_class.c = work.columns[rule.class_field]
        work.by_class.classes = &rule.classes
    return 0


cdef void end(job *work) noexcept:
    cdef int i
    release_mask(&work.mask)
    free(work.by_class.of_entries)
    for i in range(work.rule.n_predicates):
        release(&work.predicates[i])


cdef int raise_damaged(tuple fields, const job *work) except -1:
    cdef int i
    cdef int64_t row = work.mask.damaged
    field = fields[0]
    for i in range(work.rule.n_predicates):
        if row >= 0:
            break
        row = work.predicates[i].damaged
        field = fields[work.rule.predicate_fields[i]]
    if row >= 0:
        raise ColumnError(field, f"row {row}: its value lies outside the column's buffers")
    return 0


cdef int match_batch(job *work, Rows hits, Rows errors) except -1 nogil:
    cdef int64_t base = 0, span
    cdef bint found
    cdef int k
    while base < work.length:
        span = min(<int64_t>BLOCK, work.length - base)
        mark_events(&work.mask, base, span, work.marks)
        found = False
        for k in range(work.rule.n_clauses):
            found |= any_marked(marks_of(work, k), span)
        if found:
            match_block(work, base, span)
            append_marked(hits, base, span, work.hits)
            append_marked(errors, base, span, work.errors)
        base += BLOCK
    return 0


cdef inline uint64_t *marks_of(job *work, int k) noexcept nogil:
    """Return the bitmap of the rows that clause k may yet match."""
    return work.marks + (k + 1) * MARKS_STRIDE


cdef int match_block(job *work, int64_t base, int64_t span) except -1 nogil:
    cdef const rule_table *rule = work.rule
    cdef int k, i
    memset(work.hits, 0, sizeof(work.hits))
    memset(work.errors, 0, sizeof(work.errors))
    # What a clause requires before its first test is an error whatever the tests say.
    for k in range(rule.n_clauses):
        for i in range(rule.clauses[k].leading):
            drop_nulls_by(work, &rule.clauses[k].steps[i], base, span, marks_of(work, k))
    if rule.class_field >= 0 and are_dense(work, span):
        drop_by_class(&work.by_class, base, span, marks_of(work, 0), MARKS_STRIDE)
    for k in range(rule.n_clauses):
        match_clause(work, &rule.clauses[k], base, span, marks_of(work, k))
    return 0


cdef void match_clause(
    job *work, const clause *c, int64_t base, int64_t span, uint64_t *marks
) noexcept nogil:
    """Run the steps from the first test on over the list of the rows that are left."""
    cdef const step *each
    cdef int i
    list_marked(marks, span, &work.listed)
    for i in range(c.leading, c.count):
        each = &c.steps[i]
        if work.listed.count == 0:
            break
        if each.kind == TEST:
            keep(&work.predicates[each.predicate], base, &work.listed)
        elif has_nulls(work.columns[each.field]):
            memset(marks, 0, BLOCK_WORDS * sizeof(uint64_t))
            mark(marks, &work.listed)
            drop_nulls_by(work, each, base, span, marks)
            list_marked(marks, span, &work.listed)
    mark(work.hits, &work.listed)


cdef inline bint has_nulls(const column *c) noexcept nogil:
    return c == NULL or c.validity != NULL or (c.layout == INDEXED and c.values.validity != NULL)


cdef inline void drop_nulls_by(
    job *work, const step *each, int64_t base, int64_t span, uint64_t *marks
) noexcept nogil:
    drop_nulls(work.columns[each.field], base, span, marks,
               &work.errors[0] if each.kind == REQUIRE else &work.nulls[0])


cdef bint are_dense(job *work, int64_t span) noexcept nogil:
    """Whether enough rows are marked that classifying every value pays; told by a sample."""
    cdef int64_t word, marked = 0, looked = 0
    cdef uint64_t wanted
    cdef int k
    for word in range(0, span >> 6, 8):
        wanted = 0
        for k in range(work.rule.n_clauses):
            wanted |= marks_of(work, k)[word]
        marked += count_bits(wanted)
        looked += 64
    return marked * DENSE >= looked > 0
