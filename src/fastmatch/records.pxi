# Records: the rule on the records that Tracee's eBPF side submits, where they lie.
#
# Most records are told by their event id or their comm, both at fixed bytes; the arguments, whose
# sizes only a walk from the first one on gives, are walked for the few that are left.

cdef enum:
    # Forms of arguments; a scalar's is its size. illshell/tracee_layouts.py has the same numbers.
    STRING = 16          # u32 size with the NUL, bytes, NUL
    STRING_ARRAY = 17    # u8 count, strings
    ARGS_ARRAY = 18      # u32 size, u32 argc, that many bytes

cdef enum:
    LONGEST_STRING = 4096
    LONGEST_ARGS = 8191
    MOST_ARGS = 1 << 20
    COMM_AT = 60
    COMM_END = 76
    MARK_SPAN = 64       # records from a mark to the next
    NOT_JUDGED = 4       # beside NO and YES: damaged, or the argument is missing

ctypedef struct event_definition:
    uint32_t event_id
    int wanted               # the argument that the rule reads; -1: the definition has none
    uint8_t forms[256]       # of each argument; 0: there is none of that number

ctypedef struct record_reader:
    const uint8_t *data
    int64_t size
    int64_t record_size      # 0: each record has its size before it
    int64_t event_id_at
    int64_t argnum_at
    int64_t args_at
    event_definition check
    event_definition exec_


cdef class Records:
    """Tracee's records in memory that somebody else owns and keeps unchanged.

    ``layout``: an :class:`illshell.dialects.tracee_ebpf.layouts.RecordLayout`. ``record_size``: 0 where a
    little-endian u32 before each record gives its size, else the size of every record; what
    follows a record's arguments is padding either way. A record that the buffer's end cuts off is
    the last. Beside the buffer there are 8 bytes for each 64 records whose sizes stand before
    them. Immutable. Raises ValueError for a layout or size that can't be.
    """

    cdef Buffer buffer
    cdef record_reader reader
    cdef int64_t count
    cdef int64_t *marks

    def __cinit__(self, buffer, layout, int64_t record_size=0):
        cdef record_reader *r = &self.reader
        memset(r, 0, sizeof(record_reader))
        r.event_id_at = layout.event_id_at
        r.argnum_at = layout.argnum_at
        r.args_at = layout.args_at
        if not (COMM_END <= r.args_at and 0 <= r.event_id_at <= r.args_at - 4
                and 0 <= r.argnum_at < r.args_at):
            raise ValueError("layout: the context ends before its fields do")
        if record_size and record_size < r.args_at:
            raise ValueError(f"record_size is {record_size}; the context alone has {r.args_at}")
        define(&r.check, layout, SECURITY_BPRM_CHECK, "pathname")
        define(&r.exec_, layout, SCHED_PROCESS_EXEC, "prev_comm")
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
        """Give the byte at which a record starts, and its size as its framing has it.

        The size is -1 where the buffer ends within the size's own bytes; start and size may go past
        the buffer's end for the last record.
        """
        cdef int64_t at, i, start = 0, length = 0
        if not 0 <= row < self.count:
            raise IndexError(f"row {row} of {self.count} records")
        if self.reader.record_size:
            return row * self.reader.record_size, self.reader.record_size
        at = self.marks[row // MARK_SPAN]
        for i in range(row % MARK_SPAN + 1):
            if at >= self.reader.size:
                raise ValueError("the buffer has changed")
            next_record(&self.reader, &at, &start, &length)
        return start, length

    def read(self, int64_t start, int64_t length):
        """Copy bytes of the buffer, as many as there are."""
        if not (0 <= start <= self.reader.size and length >= 0):
            raise IndexError(f"byte {start} of {self.reader.size}")
        return self.reader.data[start:start + min(length, self.reader.size - start)]

    def match(self, Matcher matcher not None):
        """Give the rows that match and the rows in error, two Rows, both in order.

        A row is in error where its record is cut off or shorter than its context. Where the rule
        goes on after event id and comm, it is in error too where an argument is damaged or the one
        that the rule reads is missing. Runs without the GIL.
        """
        cdef Rows hits = Rows(), errors = Rows()
        with nogil:
            match_records(&self.reader, matcher, hits, errors)
        return hits, errors


cdef int define(event_definition *event, layout, str name, str wanted) except -1:
    cdef int index = 0
    event.event_id = <uint32_t>(<int64_t>layout.event_ids[name] & 0xFFFFFFFF)
    event.wanted = -1
    for argument, kind in layout.arguments[name]:
        if index > 255 or kind.code not in (1, 2, 4, 8, STRING, STRING_ARRAY, ARGS_ARRAY):
            raise ValueError(f"layout: argument {argument} of {name}")
        if argument == wanted and event.wanted < 0:
            if kind.code != STRING:
                raise ValueError(f"layout: argument {argument} of {name} is no string")
            event.wanted = index
        event.forms[index] = kind.code
        index += 1
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
    cdef int64_t at = 0, start, length, room = 0
    cdef int64_t *marks
    while at < self.reader.size:
        if self.count % MARK_SPAN == 0:
            if self.count // MARK_SPAN == room:
                room = 2 * room if room else 64
                marks = <int64_t *>realloc(self.marks, room * sizeof(int64_t))
                if marks == NULL:
                    with gil:
                        raise MemoryError
                self.marks = marks
            self.marks[self.count // MARK_SPAN] = at
        next_record(&self.reader, &at, &start, &length)
        self.count += 1
    return 0


cdef int match_records(
    const record_reader *r, Matcher matcher, Rows hits, Rows errors
) except -1 nogil:
    cdef const name_table *check_comms = NULL
    cdef const name_table *exec_comms = NULL
    cdef int64_t at = 0, row = 0, start, length
    cdef int verdict
    if matcher.wants_bprm_check:
        check_comms = &matcher.web_servers.table
    if matcher.wants_exec:
        exec_comms = &matcher.shells.table
    while at < r.size:
        verdict = NOT_JUDGED
        if next_record(r, &at, &start, &length) and length >= r.args_at:
            verdict = sift_record(r, r.data + start, check_comms, exec_comms)
            if unlikely(verdict == YES):
                verdict = judge_check(
                    r, r.data + start, length, &matcher.shells.table)
            elif unlikely(verdict == EXEC):
                verdict = judge_exec(
                    r, r.data + start, length, &matcher.web_servers.table)
        if unlikely(verdict != NO):
            if verdict == YES:
                hits.append(row)
            else:
                errors.append(row)
        row += 1
    return 0


cdef inline int sift_record(
    const record_reader *r, const uint8_t *record, const name_table *check_comms,
    const name_table *exec_comms
) noexcept nogil:
    """Tell by event id and comm which event's arguments must be walked: YES, EXEC or NO."""
    cdef uint32_t event_id = load_4(record + r.event_id_at)
    cdef uint64_t low, high
    if event_id == r.check.event_id and check_comms != NULL:
        low = load_8(record + COMM_AT)
        high = load_8(record + COMM_AT + 8)
        return YES if has_words(check_comms, low, high) else NO
    if event_id == r.exec_.event_id and exec_comms != NULL:
        low = load_8(record + COMM_AT)
        high = load_8(record + COMM_AT + 8)
        return EXEC if has_words(exec_comms, low, high) else NO
    return NO


cdef int judge_check(
    const record_reader *r, const uint8_t *record, int64_t length, const name_table *shells
) noexcept nogil:
    cdef const uint8_t *value = NULL
    cdef int64_t bytes = 0
    if not find_argument(r, &r.check, record, length, &value, &bytes):
        return NOT_JUDGED
    return YES if has_basename(shells, value, bytes, record, r.data + r.size) else NO


cdef int judge_exec(
    const record_reader *r, const uint8_t *record, int64_t length, const name_table *web_servers
) noexcept nogil:
    cdef const uint8_t *value = NULL
    cdef int64_t bytes = 0
    if not find_argument(r, &r.exec_, record, length, &value, &bytes):
        return NOT_JUDGED
    return YES if has_name(web_servers, value, <uint64_t>bytes, r.data + r.size) else NO


cdef bint find_argument(
    const record_reader *r, const event_definition *event, const uint8_t *record, int64_t length,
    const uint8_t **value, int64_t *bytes
) noexcept nogil:
    """Walk all arguments and find the wanted one, the first of its number.

    False where it is missing, and where any argument is damaged.
    """
    cdef const uint8_t *at = record + r.args_at
    cdef const uint8_t *end = record + length
    cdef const uint8_t *after
    cdef bint found = False
    cdef int index
    for _ in range(record[r.argnum_at]):
        if at == end:
            return False
        index = at[0]
        after = skip_value(event.forms[index], at + 1, end)
        if after == NULL:
            return False
        if index == event.wanted and not found:
            found = True
            value[0] = at + 5
            bytes[0] = after - at - 6
        at = after
    return found


cdef inline const uint8_t *skip_string(const uint8_t *at, const uint8_t *end) noexcept nogil:
    cdef uint64_t size
    if end - at < 4:
        return NULL
    size = load_4(at)
    if not 1 <= size <= LONGEST_STRING or size > <uint64_t>(end - at - 4) or at[3 + size] != 0:
        return NULL
    return at + 4 + size


cdef const uint8_t *skip_value(int form, const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Give where a value ends, NULL if it is damaged or ends past ``end``."""
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
