# Matcher: the rule, block by block, over the columns of a batch.

ctypedef struct batch:
    int64_t length
    selector wanted
    comms every_comm
    question comm_is_web_server
    question comm_is_shell
    question pathname_is_shell
    question prev_comm_is_web_server


cdef class Matcher:
    """The rule: web servers, shells, and which of the two events are wanted.

    ``web_servers`` and ``shells``: NameSet; a shell's name holds no slash. ``events``: names out
    of :data:`illshell.signatures.illegitimate_shell.names.EVENTS`. Thread-safe: nothing changes after construction.
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
        build_kinds(&self.kinds, &web_servers.table, <uint64_t>len(web_servers.names),
                    &shells.table, <uint64_t>len(shells.names))

    def __dealloc__(self):
        free(self.kinds.of)

    def match(
        self, event_name, Column process_name not None, Column pathname=None,
        Column prev_comm=None,
    ):
        """Give the rows that match and the rows in error, two Rows, both in order.

        ``event_name``: a Column, or a str that is the name of every row. A column that is None is
        null in every row. A row is in error where a column that the rule must read for it is null.
        Runs without the GIL. Raises ColumnError where a value lies outside its column's buffers.
        """
        cdef Rows hits = Rows(), errors = Rows()
        cdef int event = UNKNOWN
        if isinstance(event_name, str):
            event = (
                YES if self.wants_bprm_check and event_name == SECURITY_BPRM_CHECK
                else EXEC if self.wants_exec and event_name == SCHED_PROCESS_EXEC else NO)
        self.match_columns(
            &(<Column?>event_name).c if event == UNKNOWN else NULL, event, &process_name.c,
            &pathname.c if pathname is not None else NULL,
            &prev_comm.c if prev_comm is not None else NULL, hits, errors)
        return hits, errors

    cdef int match_columns(
        self, const column *event_name, int event, const column *process_name,
        const column *pathname, const column *prev_comm, Rows hits, Rows errors
    ) except -1:
        """The same for columns described in C: ``event`` counts where ``event_name`` is NULL.

        Takes the GIL off while it works. Appends to ``hits`` and ``errors``.
        """
        cdef batch job
        cdef scratch *lists = NULL
        memset(&job, 0, sizeof(batch))
        job.length = process_name.length
        same_length("event_name", event_name, job.length)
        same_length("pathname", pathname, job.length)
        same_length("prev_comm", prev_comm, job.length)
        job.wanted.constant_event = event
        try:
            lists = <scratch *>malloc(sizeof(scratch))
            if lists == NULL:
                raise MemoryError
            if event_name != NULL:
                job.wanted.constant_event = UNKNOWN
                set_question(&job.wanted.event_name, WHICH_EVENT, event_name, NULL)
                job.wanted.event_name.wants_bprm_check = self.wants_bprm_check
                job.wanted.event_name.wants_exec = self.wants_exec
                find_codes(&job.wanted)
            job.every_comm.c = process_name
            job.every_comm.kinds = &self.kinds
            set_question(
                &job.comm_is_web_server, IS_NAME, process_name, &self.web_servers.table)
            set_question(&job.comm_is_shell, IS_NAME, process_name, &self.shells.table)
            set_question(&job.pathname_is_shell, IS_BASENAME, pathname, &self.shells.table)
            set_question(
                &job.prev_comm_is_web_server, IS_NAME, prev_comm, &self.web_servers.table)
            with nogil:
                match_batch(&job, lists, hits, errors)
            raise_damaged("event_name", &job.wanted.event_name)
            raise_damaged("process_name", &job.comm_is_web_server)
            raise_damaged("process_name", &job.comm_is_shell)
            raise_damaged("pathname", &job.pathname_is_shell)
            raise_damaged("prev_comm", &job.prev_comm_is_web_server)
        finally:
            free(lists)
            free(job.every_comm.entry_kinds)
            free(job.wanted.event_name.memo)
            free(job.comm_is_web_server.memo)
            free(job.comm_is_shell.memo)
            free(job.pathname_is_shell.memo)
            free(job.prev_comm_is_web_server.memo)
        return 0

    cdef bint matches_check(
        self, const uint8_t *comm, uint64_t comm_length, const uint8_t *pathname,
        uint64_t pathname_length
    ) noexcept nogil:
        return has_name(
            &self.web_servers.table, comm, comm_length, comm + comm_length
        ) and has_basename(
            &self.shells.table, pathname, <int64_t>pathname_length, pathname,
            pathname + pathname_length)

    cdef bint matches_exec(
        self, const uint8_t *prev_comm, uint64_t prev_comm_length, const uint8_t *comm,
        uint64_t comm_length
    ) noexcept nogil:
        return self.web_servers.contains(prev_comm, prev_comm_length) \
            and self.shells.contains(comm, comm_length)


cdef int same_length(str name, const column *c, int64_t length) except -1:
    if c != NULL and c.length != length:
        raise ColumnError(name, f"{c.length} rows, where process_name has {length}")
    return 0


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


# The bitmaps and the list of a block, too large for the stack of a small thread.
ctypedef struct scratch:
    uint64_t checks[BLOCK_WORDS]    # the rows of security_bprm_check that may yet match
    uint64_t execs[BLOCK_WORDS]     # the same of sched_process_exec
    uint64_t hits[BLOCK_WORDS]
    uint64_t errors[BLOCK_WORDS]
    selection listed


cdef int match_batch(batch *job, scratch *block, Rows hits, Rows errors) except -1 nogil:
    cdef int64_t base = 0, span
    while base < job.length:
        span = min(<int64_t>BLOCK, job.length - base)
        select_events(&job.wanted, base, span, block.checks, block.execs)
        if any_marked(block.checks, span) or any_marked(block.execs, span):
            judge_block(job, base, span, block)
            append_marked(hits, base, span, block.hits)
            append_marked(errors, base, span, block.errors)
        base += BLOCK
    return 0


cdef int judge_block(
    batch *job, int64_t base, int64_t span, scratch *block
) except -1 nogil:
    cdef const column *comm = job.every_comm.c
    memset(block.hits, 0, sizeof(block.hits))
    memset(block.errors, 0, sizeof(block.errors))

    # An exec event is in error when either of its names is missing, whatever the other says.
    drop_nulls(comm, base, span, block.checks, block.errors)
    drop_nulls(comm, base, span, block.execs, block.errors)
    drop_nulls(job.prev_comm_is_web_server.c, base, span, block.execs, block.errors)
    if are_dense(block.checks, block.execs, span):
        sift_comms(&job.every_comm, base, span, block.checks, block.execs)

    list_marked(block.checks, span, &block.listed)
    keep(&job.comm_is_web_server, base, &block.listed)
    memset(block.checks, 0, sizeof(block.checks))
    mark(block.checks, &block.listed)
    drop_nulls(job.pathname_is_shell.c, base, span, block.checks, block.errors)
    list_marked(block.checks, span, &block.listed)
    keep(&job.pathname_is_shell, base, &block.listed)
    mark(block.hits, &block.listed)

    list_marked(block.execs, span, &block.listed)
    keep(&job.prev_comm_is_web_server, base, &block.listed)
    keep(&job.comm_is_shell, base, &block.listed)
    mark(block.hits, &block.listed)
    return 0


cdef bint any_marked(const uint64_t *bits, int64_t span) noexcept nogil:
    cdef int64_t word
    cdef uint64_t any_bit = 0
    for word in range((span + 63) >> 6):
        any_bit |= bits[word]
    return any_bit != 0


cdef bint are_dense(const uint64_t *checks, const uint64_t *execs, int64_t span) noexcept nogil:
    """Tell by a sample whether enough of the rows are marked to look at every comm."""
    cdef int64_t word, marked = 0, looked = 0
    for word in range(0, span >> 6, 8):
        marked += count_bits(checks[word] | execs[word])
        looked += 64
    return marked * DENSE >= looked > 0


cdef void mark(uint64_t *bits, const selection *s) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(s.count):
        bits[s.rows[i] >> 6] |= <uint64_t>1 << (s.rows[i] & 63)


cdef int append_marked(
    Rows rows, int64_t base, int64_t span, const uint64_t *bits
) except -1 nogil:
    cdef int64_t word
    cdef uint64_t left
    for word in range((span + 63) >> 6):
        left = bits[word]
        while left:
            rows.append(base + 64 * word + lowest_bit(left))
            left &= left - 1
    return 0
