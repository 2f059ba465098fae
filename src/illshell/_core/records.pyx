"""Records: a rule over the records that Tracee's eBPF side submits, where they lie.

Most records are told by their event id and by what their context says at fixed bytes, such as the
comm; the arguments, whose sizes only a walk from the first one on gives, are walked for the few
that are left.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from illshell._core.columns cimport Buffer, text
from illshell._core.intrinsics cimport load_4, load_8, unlikely
from illshell._core.names cimport has_words, name_table
from illshell._core.predicates cimport IS_NAME, evaluate, predicate
from illshell._core.rows cimport Rows
from illshell._core.rules cimport (
    IN_ERROR,
    MATCH,
    MAX_CLAUSES,
    MAX_FIELDS,
    MAX_STEPS,
    NO_MATCH,
    REQUIRE,
    TEST,
    CompiledRule,
    clause,
    rule_table,
    step,
    verdict,
)

cdef enum:
    # Forms of arguments; a scalar's is its size. illshell/tracee_layouts.py has the same numbers.
    STRING = 16          # u32 size with the NUL, bytes, NUL
    STRING_ARRAY = 17    # u8 count, strings
    ARGS_ARRAY = 18      # u32 size, u32 argc, that many bytes

cdef enum:
    LONGEST_STRING = 4096
    LONGEST_ARGS = 8191
    MOST_ARGS = 1 << 20
    CONTEXT_TEXT = 16    # bytes of a text in the context, zero-padded
    MARK_SPAN = 64       # records from a mark to the next
    DAMAGED = -1         # in place of an event's number
    NO_MORE = -2

# A test of a text that lies at fixed bytes of every record.
ctypedef struct context_test:
    const predicate *p
    int64_t at

# What a clause of the rule is in the records of a layout.
ctypedef struct event_definition:
    int n_context
    context_test context[MAX_STEPS]
    int n_steps              # the steps that read arguments
    step steps[MAX_STEPS]
    uint8_t forms[256]       # of each argument; 0: there is none of that number
    uint8_t wanted[256]      # of each argument: the field that it is, plus 1; 0: none

ctypedef struct event_definitions:
    const rule_table *rule
    int count
    uint32_t event_ids[MAX_CLAUSES]
    # The names that the first test of the context asks for, NULL: the record is a candidate.
    const name_table *first_names[MAX_CLAUSES]
    int64_t first_at[MAX_CLAUSES]
    event_definition of[MAX_CLAUSES]


cdef class Records:
    """Tracee's records in memory that somebody else owns and keeps unchanged.

    ``layout``: an :class:`illshell.dialects.tracee_ebpf.layouts.RecordLayout`.
    ``record_size``: 0 where a little-endian u32 before each record gives its size, else the size of
    every record; what follows a record's arguments is padding either way. A record that the
    buffer's end cuts off is the last. Beside the buffer there are 8 bytes for each 64 records whose
    sizes stand before them. Immutable. Raises ValueError for a layout or size that can't be.
    """

    def __cinit__(self, buffer, layout, int64_t record_size=0):
        cdef record_reader *r = &self.reader
        memset(r, 0, sizeof(record_reader))
        self.layout = layout
        r.event_id_at = layout.event_id_at
        r.argnum_at = layout.argnum_at
        r.args_at = layout.args_at
        if not (0 <= r.event_id_at <= r.args_at - 4 and 0 <= r.argnum_at < r.args_at):
            raise ValueError("layout: the context ends before its fields do")
        for field, at in layout.context_texts.items():
            if not 0 <= at <= r.args_at - CONTEXT_TEXT:
                raise ValueError(f"layout: the context ends before {field} does")
        if record_size and record_size < r.args_at:
            raise ValueError(f"record_size is {record_size}; the context alone has {r.args_at}")
        self.buffer = Buffer(buffer)
        r.data = <const uint8_t *>self.buffer.view.buf
        r.size = self.buffer.view.len
        r.record_size = record_size
        if record_size:
            self.count = r.size // record_size + (r.size % record_size != 0)
        else:
            with nogil:
                set_marks(self)

    def __dealloc__(self):
        free(self.marks)

    def __len__(self):
        return self.count

    @property
    def nbytes(self):
        """The buffer's size."""
        return self.reader.size

    def span(self, int64_t row):
        """Return the byte at which a record starts, and its size as its framing has it.

        The size is -1 where the buffer ends within the size's own bytes; start and size may go past
        the buffer's end for the last record.
        """
        cdef int64_t at, start = 0, length = 0
        if not 0 <= row < self.count:
            raise IndexError(f"row {row} of {self.count} records")
        if self.reader.record_size:
            return row * self.reader.record_size, self.reader.record_size
        at = self.marks[row // MARK_SPAN]
        for _ in range(row % MARK_SPAN + 1):
            if at >= self.reader.size:
                raise ValueError("the buffer has changed")
            next_record(&self.reader, &at, &start, &length)
        return start, length

    def read(self, int64_t start, int64_t length):
        """Copy bytes of the buffer, as many as there are."""
        if not (0 <= start <= self.reader.size and length >= 0):
            raise IndexError(f"byte {start} of {self.reader.size}")
        return self.reader.data[start:start + min(length, self.reader.size - start)]

    def match(self, CompiledRule rule not None):
        """Return the rows that match and the rows in error, two Rows, both in order.

        A field of the rule is one of the layout's ``context_texts``, or the argument of that name.
        The tests of the context come first. A row is in error where its record is cut off or
        shorter than its context, and, where those tests pass, where an argument is damaged or one
        that the rule requires is missing. Runs without the GIL. Raises ValueError for an argument
        that the rule reads and that is no string.
        """
        cdef Rows hits = Rows(), errors = Rows()
        cdef event_definitions *events = <event_definitions *>calloc(1, sizeof(event_definitions))
        if events == NULL:
            raise MemoryError
        try:
            define_events(events, self.layout, rule)
            with nogil:
                match_records(&self.reader, events, hits, errors)
        finally:
            free(events)
        return hits, errors


cdef int define_events(event_definitions *events, layout, CompiledRule rule) except -1:
    """Find out where each clause's fields lie in the records of a layout."""
    cdef int k
    cdef const context_test *first
    events.rule = &rule.table
    for k, name in enumerate(rule.rule.events):
        if name in layout.event_ids:
            events.event_ids[events.count] = <uint32_t>(
                <int64_t>layout.event_ids[name] & 0xFFFFFFFF)
            define(&events.of[events.count], layout, name, rule, &rule.table.clauses[k])
            first = &events.of[events.count].context[0]
            if events.of[events.count].n_context and first.p.kind == IS_NAME:
                events.first_names[events.count] = first.p.names
                events.first_at[events.count] = first.at
            events.count += 1
    return 0


cdef int define(
    event_definition *event, layout, str name, CompiledRule rule, const clause *c
) except -1:
    cdef int i
    cdef const step *each
    in_arguments = set()
    for i in range(c.count):
        each = &c.steps[i]
        field = rule.fields[each.field]
        if field not in layout.context_texts:
            event.steps[event.n_steps] = each[0]
            event.n_steps += 1
            in_arguments.add(field)
        elif each.kind == TEST:
            event.context[event.n_context].p = &rule.table.predicates[each.predicate]
            event.context[event.n_context].at = layout.context_texts[field]
            event.n_context += 1
    for i, (argument, kind) in enumerate(layout.arguments[name]):
        if i > 255 or kind.code not in (1, 2, 4, 8, STRING, STRING_ARRAY, ARGS_ARRAY):
            raise ValueError(f"layout: argument {argument} of {name}")
        event.forms[i] = kind.code
        if argument in in_arguments:
            if kind.code != STRING:
                raise ValueError(f"layout: argument {argument} of {name} is no string")
            event.wanted[i] = rule.fields.index(argument) + 1
            in_arguments.remove(argument)
    return 0


cdef inline bint next_record(
    const record_reader *r, int64_t *at, int64_t *start, int64_t *length
) noexcept nogil:
    """Find the record at ``at`` < size and go past it; False if the buffer's end cuts it off."""
    cdef int64_t left = r.size - at[0]
    start[0] = at[0]
    length[0] = r.record_size
    if r.record_size == 0:
        if unlikely(left < 4):
            length[0] = -1
            at[0] = r.size
            return False
        length[0] = load_4(r.data + at[0])
        start[0] += 4
        left -= 4
    if unlikely(length[0] > left):
        at[0] = r.size
        return False
    at[0] = start[0] + length[0]
    return True


cdef int set_marks(Records self) except -1 nogil:
    """Count the records, and note where each MARK_SPANth one starts."""
    cdef int64_t at = 0, start, length, capacity = 0
    cdef int64_t *marks
    while at < self.reader.size:
        if self.count % MARK_SPAN == 0:
            if self.count // MARK_SPAN == capacity:
                capacity = 2 * capacity if capacity else 64
                marks = <int64_t *>realloc(self.marks, capacity * sizeof(int64_t))
                if marks == NULL:
                    with gil:
                        raise MemoryError
                self.marks = marks
            self.marks[self.count // MARK_SPAN] = at
        next_record(&self.reader, &at, &start, &length)
        self.count += 1
    return 0


cdef int match_records(
    const record_reader *r, const event_definitions *events, Rows hits, Rows errors
) except -1 nogil:
    cdef int64_t at = 0, row = -1, start = 0, length = 0
    cdef verdict found
    cdef int event
    while True:
        event = find_candidate(r, events, &at, &row, &start, &length)
        if event == NO_MORE:
            return 0
        found = IN_ERROR if event == DAMAGED else match_record(
            r, events.rule, &events.of[event], r.data + start, length)
        if found == MATCH:
            hits.append(row)
        elif found == IN_ERROR:
            errors.append(row)


cdef inline int find_candidate(
    const record_reader *r, const event_definitions *events, int64_t *at, int64_t *row,
    int64_t *start, int64_t *length
) noexcept nogil:
    """Go on to the next record that passes the first test of its context, return its event.

    DAMAGED stands for one that is cut off or shorter than its context, NO_MORE for the end.
    """
    cdef const name_table *names
    cdef const uint8_t *value
    cdef uint32_t event_id
    cdef int k
    while at[0] < r.size:
        row[0] += 1
        if unlikely(not next_record(r, at, start, length) or length[0] < r.args_at):
            return DAMAGED
        event_id = load_4(r.data + start[0] + r.event_id_at)
        for k in range(events.count):
            if events.event_ids[k] == event_id:
                names = events.first_names[k]
                value = r.data + start[0] + events.first_at[k]
                if unlikely(names == NULL or has_words(names, load_8(value), load_8(value + 8))):
                    return k
                break
    return NO_MORE


cdef bint passes_context(const event_definition *event, const uint8_t *record) noexcept nogil:
    cdef const uint8_t *value
    cdef int64_t length
    cdef int i
    for i in range(event.n_context):
        value = record + event.context[i].at
        length = CONTEXT_TEXT
        while length > 0 and value[length - 1] == 0:
            length -= 1
        if not evaluate(event.context[i].p, value, length, value, value + CONTEXT_TEXT):
            return False
    return True


cdef verdict match_record(
    const record_reader *r, const rule_table *rule, const event_definition *event,
    const uint8_t *record, int64_t length
) noexcept nogil:
    """Run the tests of the context, then the steps that read arguments.

    A damaged argument is an error, needed or not.
    """
    cdef text values[MAX_FIELDS]
    cdef const step *each
    cdef const text *value
    cdef int i
    if not passes_context(event, record):
        return NO_MATCH
    if event.n_steps == 0:
        return MATCH
    memset(values, 0, rule.n_fields * sizeof(text))
    if not read_arguments(r, event, record, length, values):
        return IN_ERROR
    for i in range(event.n_steps):
        each = &event.steps[i]
        value = &values[each.field]
        if each.kind == TEST:
            if not evaluate(
                    &rule.predicates[each.predicate], value.data, value.length, record,
                    r.data + r.size):
                return NO_MATCH
        elif value.data == NULL:
            return IN_ERROR if each.kind == REQUIRE else NO_MATCH
    return MATCH


cdef bint read_arguments(
    const record_reader *r, const event_definition *event, const uint8_t *record, int64_t length,
    text *values
) noexcept nogil:
    """Walk all arguments and find the wanted ones, the first of each number.

    False where any argument is damaged.
    """
    cdef const uint8_t *at = record + r.args_at
    cdef const uint8_t *end = record + length
    cdef const uint8_t *after
    cdef int index
    cdef text *value
    for _ in range(record[r.argnum_at]):
        if at == end:
            return False
        index = at[0]
        after = skip_value(event.forms[index], at + 1, end)
        if after == NULL:
            return False
        if event.wanted[index]:
            value = &values[event.wanted[index] - 1]
            if value.data == NULL:
                value.data = at + 5
                value.length = after - at - 6
        at = after
    return True


cdef inline const uint8_t *skip_string(const uint8_t *at, const uint8_t *end) noexcept nogil:
    cdef uint64_t size
    if end - at < 4:
        return NULL
    size = load_4(at)
    if not 1 <= size <= LONGEST_STRING or size > <uint64_t>(end - at - 4) or at[3 + size] != 0:
        return NULL
    return at + 4 + size


cdef const uint8_t *skip_value(int form, const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Return where a value ends, NULL if it is damaged or ends past ``end``."""
    cdef uint64_t left = <uint64_t>(end - at), size
    cdef int strings
    if form == STRING:
        return skip_string(at, end)
    if form == STRING_ARRAY:
        if left < 1:
            return NULL
        strings = at[0]
        at += 1
        while strings and at != NULL:
            at = skip_string(at, end)
            strings -= 1
        return at
    if form == ARGS_ARRAY:
        if left < 8:
            return NULL
        size = load_4(at)
        if size > LONGEST_ARGS or load_4(at + 4) > MOST_ARGS or size > left - 8:
            return NULL
        return at + 8 + size
    return at + form if 0 < form <= <int64_t>left else NULL
