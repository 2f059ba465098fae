# Matcher: the rule, block by block, over the columns of a batch.

ctypedef struct batch:
    int64_t length
    int constant_event       # YES or EXEC for all rows; UNKNOWN: ask event_name
    question event_name
    question comm_is_web_server
    question comm_is_shell
    question pathname_is_shell
    question prev_comm_is_web_server


cdef class Matcher:
    """The rule: web servers, shells, and which of the two events are wanted.

    ``web_servers`` and ``shells``: NameSet; a shell's name holds no slash. ``events``: names out
    of :data:`illshell.names.EVENTS`. Thread-safe: nothing changes after construction.
    """

    def __cinit__(self, NameSet web_servers not None, NameSet shells not None, events=EVENTS):
        self.web_servers = web_servers
        self.shells = shells
        self.events = tuple(events)
        for event in self.events:
            if event not in EVENTS:
                raise ValueError(f"event {event!r} is none of {', '.join(EVENTS)}")
        for name in shells.names:
            if b"/" in name:
                raise ValueError(f"shell {name!r} holds a slash")
        self.wants_bprm_check = SECURITY_BPRM_CHECK in self.events
        self.wants_exec = SCHED_PROCESS_EXEC in self.events

    def match(
        self, event_name, Column process_name not None, Column pathname=None,
        Column prev_comm=None,
    ):
        """Give the rows that match and the rows in error, two Rows, both in order.

        ``event_name``: a Column, or a str that is the name of every row. A column that is None is
        null in every row. A row is in error where a column that the rule must read for it is null.
        Runs without the GIL. Raises ColumnError where a value lies outside its column's buffers.
        """
        cdef batch job
        cdef Rows hits = Rows(), errors = Rows()
        cdef const column *process_c = &process_name.c
        cdef const column *pathname_c = &pathname.c if pathname is not None else NULL
        cdef const column *prev_comm_c = &prev_comm.c if prev_comm is not None else NULL
        memset(&job, 0, sizeof(batch))
        job.length = process_name.c.length
        for name, each in (
            ("event_name", event_name), ("pathname", pathname), ("prev_comm", prev_comm)
        ):
            if isinstance(each, Column) and len(each) != job.length:
                raise ColumnError(
                    name, f"{len(each)} rows, where process_name has {job.length}")
        if isinstance(event_name, str):
            job.constant_event = (
                YES if self.wants_bprm_check and event_name == SECURITY_BPRM_CHECK
                else EXEC if self.wants_exec and event_name == SCHED_PROCESS_EXEC else NO)
        try:
            if job.constant_event == UNKNOWN:
                set_question(&job.event_name, WHICH_EVENT, &(<Column?>event_name).c, NULL)
                job.event_name.wants_bprm_check = self.wants_bprm_check
                job.event_name.wants_exec = self.wants_exec
            set_question(
                &job.comm_is_web_server, IS_NAME, process_c, &self.web_servers.table)
            set_question(&job.comm_is_shell, IS_NAME, process_c, &self.shells.table)
            set_question(&job.pathname_is_shell, IS_BASENAME, pathname_c, &self.shells.table)
            set_question(
                &job.prev_comm_is_web_server, IS_NAME, prev_comm_c, &self.web_servers.table)
            with nogil:
                match_batch(&job, hits, errors)
            raise_damaged("event_name", &job.event_name)
            raise_damaged("process_name", &job.comm_is_web_server)
            raise_damaged("process_name", &job.comm_is_shell)
            raise_damaged("pathname", &job.pathname_is_shell)
            raise_damaged("prev_comm", &job.prev_comm_is_web_server)
        finally:
            free(job.event_name.memo)
            free(job.comm_is_web_server.memo)
            free(job.comm_is_shell.memo)
            free(job.pathname_is_shell.memo)
            free(job.prev_comm_is_web_server.memo)
        return hits, errors


cdef int set_question(
    question *q, int kind, const column *c, const name_table *names
) except -1:
    q.kind = kind
    q.c = c
    q.names = names
    q.damaged = -1
    if c != NULL and c.layout == INDEXED:
        q.memo = <uint8_t *>calloc(c.values.length + 1, 1)
        if q.memo == NULL:
            raise MemoryError
    return 0


cdef int raise_damaged(str name, const question *q) except -1:
    if q.c != NULL and q.damaged >= 0:
        raise ColumnError(name, f"row {q.damaged}: its value lies outside the column's buffers")
    return 0


cdef int match_batch(batch *job, Rows hits, Rows errors) except -1 nogil:
    cdef uint32_t checks[BLOCK]
    cdef uint32_t execs[BLOCK]
    cdef uint64_t hit_bits[BLOCK_WORDS]
    cdef uint64_t error_bits[BLOCK_WORDS]
    cdef Py_ssize_t n_checks, n_execs
    cdef int64_t base = 0, span
    while base < job.length:
        span = min(<int64_t>BLOCK, job.length - base)
        memset(hit_bits, 0, sizeof(hit_bits))
        memset(error_bits, 0, sizeof(error_bits))
        select_events(job, base, span, checks, &n_checks, execs, &n_execs)

        n_checks = keep(&job.comm_is_web_server, base, checks, n_checks, span, error_bits)
        n_checks = keep(&job.pathname_is_shell, base, checks, n_checks, span, error_bits)
        mark(hit_bits, checks, n_checks)

        # An exec event is in error when either of its names is missing, whatever the other says.
        n_execs = drop_nulls(job.comm_is_shell.c, base, execs, n_execs, error_bits)
        n_execs = keep(&job.prev_comm_is_web_server, base, execs, n_execs, span, error_bits)
        n_execs = keep(&job.comm_is_shell, base, execs, n_execs, span, error_bits)
        mark(hit_bits, execs, n_execs)

        append_marked(hits, base, hit_bits)
        append_marked(errors, base, error_bits)
        base += span
    return 0


cdef void mark(uint64_t *bits, const uint32_t *rows, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(count):
        bits[rows[i] >> 6] |= <uint64_t>1 << (rows[i] & 63)


cdef int append_marked(Rows rows, int64_t base, const uint64_t *bits) except -1 nogil:
    cdef int word
    cdef uint64_t left
    for word in range(BLOCK_WORDS):
        left = bits[word]
        while left:
            rows.append(base + 64 * word + lowest_bit(left))
            left &= left - 1
    return 0


cdef void select_events(
    batch *job, int64_t base, int64_t span,
    uint32_t *checks, Py_ssize_t *n_checks, uint32_t *execs, Py_ssize_t *n_execs
) noexcept nogil:
    """List the block's rows of either event; a null name is the name of another event."""
    cdef question *q = &job.event_name
    cdef int event = job.constant_event
    cdef uint32_t row
    cdef Py_ssize_t all_checks = 0, all_execs = 0
    if event == UNKNOWN and q.c.layout == INDEXED and q.c.validity == NULL \
            and q.c.values.validity == NULL:
        if q.c.index_bytes == 4:
            select_indexed[uint32_t](
                q, <const uint32_t *>(q.c.items + 4 * base), base, span,
                checks, n_checks, execs, n_execs)
            return
        if q.c.index_bytes == 1:
            select_indexed[uint8_t](
                q, q.c.items + base, base, span, checks, n_checks, execs, n_execs)
            return
    for row in range(<uint32_t>span):
        if job.constant_event == UNKNOWN:
            event = event_of(q, base + row)
        checks[all_checks] = row
        all_checks += event == YES
        execs[all_execs] = row
        all_execs += event == EXEC
    n_checks[0] = all_checks
    n_execs[0] = all_execs


cdef inline int event_of(question *q, int64_t row) noexcept nogil:
    cdef uint64_t index
    if not is_valid(q.c, row):
        return NO
    if q.c.layout == INDEXED and q.c.values.validity != NULL:
        index = index_at(q.c, row)
        if index < <uint64_t>q.c.values.length and not is_valid(q.c.values, <int64_t>index):
            return NO
    return answer_row(q, row)


cdef void select_indexed(
    question *q, const unsigned_t *indices, int64_t base, int64_t span,
    uint32_t *checks, Py_ssize_t *n_checks, uint32_t *execs, Py_ssize_t *n_execs
) noexcept nogil:
    cdef uint64_t entries = <uint64_t>q.c.values.length, index
    cdef const uint8_t *memo = q.memo
    cdef Py_ssize_t all_checks = 0, all_execs = 0
    cdef uint32_t row
    cdef int event
    for row in range(<uint32_t>span):
        index = load(indices + row)
        event = memo[index] if index < entries else UNKNOWN
        if unlikely(event == UNKNOWN):
            event = answer_row(q, base + row)
        checks[all_checks] = row
        all_checks += event == YES
        execs[all_execs] = row
        all_execs += event == EXEC
    n_checks[0] = all_checks
    n_execs[0] = all_execs
