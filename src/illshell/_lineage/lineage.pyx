# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Which tasks descend from a web server.

docs/lineage.md says what is kept, what is forgotten, and which events are taken for one exec. A
pointer to a task is good until the next task is kept or removed.
"""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t
from libc.stdlib cimport free

cimport cython

from illshell._lineage.name_classes cimport (
    BY_START,
    HELPER,
    RUNTIME,
    SERVER,
    SHELL,
    NameClasses,
    class_of,
)
from illshell._lineage.hits cimport add_hit, server_facts, server_of
from illshell._lineage.identity cimport is_identified_as, is_pair, linked_parent, may_be
from illshell._lineage.python_events cimport event_of, hit_of
from illshell._lineage.recent cimport (
    MAX_RECENT,
    append_recent,
    forget_checks,
    forget_recent,
    is_recent,
    recent_at,
    recent_event,
)
from illshell._lineage.task_event cimport (
    BY_ITSELF,
    BY_NAME,
    BY_PARENT,
    CHECK,
    EXACT,
    EXEC,
    EXIT,
    FORK,
    OTHER_ARGUMENTS,
    SERVER_ARGUMENTS,
    comm_words,
    name_hash,
    same_comm,
    task_event,
)
from illshell._lineage.task_table cimport (
    HAS_EXITED,
    IS_BELOW,
    IS_DEFERRED,
    IS_EXACT,
    IS_FORKED,
    IS_MAIN,
    IS_PENDING,
    IS_REPORTED,
    IS_SERVER,
    IS_SUSPECT,
    MAX_AGE,
    NEW_SERVER,
    advance_clock,
    close_table,
    find,
    keep,
    newest_of,
    open_table,
    remove,
    task,
)

from illshell.signatures.shell_below_web_server.limits import MAX_TASKS, MOST_TASKS, WINDOW

cdef int64_t SECOND = 1_000_000_000
cdef int64_t YOUNG = SECOND // 10
cdef int64_t SCRIPT_WINDOW = SECOND
cdef int32_t INIT_PIDS = 2


@cython.final
cdef class Lineage:
    """Keeps which tasks descend from a web server; not thread-safe.

    ``lists``: the names. ``max_tasks``: tasks to keep, of 96 bytes each. ``window``: ns that events
    may be out of order. ``every_event``: report both events of an exec.
    """

    def __cinit__(
        self, lists, *, max_tasks=MAX_TASKS, window=WINDOW, bint every_event=False
    ):
        if not 1 <= max_tasks <= MOST_TASKS:
            raise ValueError(f"max_tasks is {max_tasks}; it must be from 1 to {MOST_TASKS}")
        if not 0 <= window < 1 << 62:
            raise ValueError(f"window is {window}; it must be from 0 to 2 ** 62 ns")
        self.classes = NameClasses(lists)
        self.every_event = every_event
        open_table(&self.table, max_tasks, window)

    def __dealloc__(self):
        close_table(&self.table)
        free(self.hits.hits)

    def __len__(self):
        """Return the number of tasks kept."""
        return self.table.count

    @property
    def evicted(self):
        """The number of tasks that were forgotten to make room."""
        return self.table.evicted

    @property
    def memory(self):
        """The bytes that tasks and their index take."""
        return self.table.capacity * sizeof(task) + (<uint64_t>4 << self.table.bits)

    def recent_sequences(self):
        """Return the numbers of the events that may still become hits, in order."""
        return [
            recent_at(&self.recent, i).sequence
            for i in range(self.recent.count)
            if recent_at(&self.recent, i).event.marks & ~EXACT
        ]

    def apply(self, event):
        """Process an event; return the hits that it decides, those of earlier events first."""
        cdef task_event taken = event_of(event)
        taken.comm_class = class_of(&self.classes.table, taken.comm)
        taken.prev_class = class_of(&self.classes.table, taken.prev_comm)
        self.take(&taken)
        return self.take_hits()

    def finish(self):
        """Decide the checks that still wait for their exec; the stream has ended."""
        while self.recent.count:
            self.drop_oldest_recent()
        return self.take_hits()

    cdef list take_hits(self):
        cdef int64_t i
        hits = [hit_of(&self.hits.hits[i]) for i in range(self.hits.count)]
        self.hits.count = 0
        return hits

    cdef int take(self, const task_event *event) except -1 nogil:
        cdef int64_t sequence = self.sequence
        self.sequence += 1
        self.newest = advance_clock(&self.table, event.host, event.time)
        while self.recent.count and self.is_over(&recent_at(&self.recent, 0).event):
            self.drop_oldest_recent()
        if event.kind == EXEC:
            self.exec(sequence, event)
        elif event.kind == CHECK:
            self.check(sequence, event)
        elif event.kind == FORK:
            self.fork(event)
        elif event.kind == EXIT:
            self.exit(event)
        return 0

    # Events

    cdef int exec(self, int64_t sequence, const task_event *event) except -1 nogil:
        cdef bint is_former, is_joined = False
        cdef uint16_t marks = event.marks
        cdef task *own
        self.has_exec = True
        own = self.own(event, &is_former)
        if own != NULL and is_pair(&self.table, own, event):
            is_joined = own.flags & IS_REPORTED != 0 and not self.every_event
            if own.flags & IS_EXACT:
                marks |= EXACT
            if own.flags & IS_DEFERRED:
                forget_checks(&self.recent, event)
            if own.flags & NEW_SERVER:
                # The check alone made it a server: before that it was nothing.
                remove(&self.table, own)
                own = NULL
        if not self.execute(sequence, event, own, marks, is_former, is_joined):
            self.remember(sequence, event)
        return 0

    cdef int check(self, int64_t sequence, const task_event *event) except -1 nogil:
        cdef bint is_former
        cdef task *own = self.own(event, &is_former)
        cdef int64_t apart
        if own != NULL:
            if own.flags & IS_PENDING:
                apart = event.time - own.time
                if own.check_hash == name_hash(event.prev_comm) \
                        and -SCRIPT_WINDOW <= apart <= SCRIPT_WINDOW:
                    # The interpreter of a script whose own check came before.
                    if event.time > own.time:
                        own.time = event.time
                    if event.marks & EXACT:
                        own.flags |= IS_EXACT
                    return 0
            elif event.time and event.time <= own.time:
                return 0  # its exec came first, and was judged
            own.flags &= ~(IS_PENDING | NEW_SERVER | IS_REPORTED | IS_DEFERRED | IS_EXACT)
        if self.has_exec:
            if not is_former:
                self.await_exec(sequence, event, own)
        elif self.execute(sequence, event, own, event.marks, is_former, False):
            own = find(&self.table, event.host, event.pid)
            if own == NULL or is_former:
                return 0
            self.set_pending(own, event)
            if own.flags & IS_SERVER:
                own.flags |= NEW_SERVER
            if event.marks & ~EXACT:
                own.flags |= IS_REPORTED
        else:
            self.remember(sequence, event)
        return 0

    cdef int await_exec(self, int64_t sequence, const task_event *event, task *own) except -1 nogil:
        """Note what a check says, and leave the judgement to its exec."""
        cdef task *base
        cdef int evidence = self.base(event, own, &base)
        cdef bint is_hit = event.marks & ~EXACT != 0
        cdef server_facts server
        if evidence == 0:
            return 0
        if is_hit and self.every_event:
            self.hit(sequence, event, event.marks, evidence, base, False)
        server = server_of(event, evidence, base)
        if own == NULL or not own.flags & (IS_SERVER | IS_BELOW):
            own = keep(&self.table, event, own, event.prev_comm)
            own.flags = IS_BELOW | IS_FORKED
            own.server_pid, own.server_comm, own.depth = server.pid, server.comm, server.depth
        else:
            if event.time > own.time:
                own.time = event.time
            if event.time > own.seen:
                own.seen = event.time
        self.set_pending(own, event)
        if is_hit and not self.every_event:
            own.flags |= IS_DEFERRED
        self.learn(event, evidence)
        if is_hit and not self.every_event:
            self.remember(sequence, event)
        if event.time < self.newest:
            self.resolve(event)
        return 0

    cdef void set_pending(self, task *own, const task_event *event) noexcept nogil:
        own.flags |= IS_PENDING
        if event.marks & EXACT:
            own.flags |= IS_EXACT
        own.check_hash = name_hash(event.prev_comm)

    cdef int fork(self, const task_event *event) except -1 nogil:
        cdef task *own
        cdef task *parent
        cdef task forked
        if event.pid <= 0 or (event.tid != 0 and event.tid != event.pid) \
                or event.parent_pid == event.pid:
            return 0
        own = find(&self.table, event.host, event.pid)
        if own != NULL:
            if is_identified_as(own, event) or (event.time and event.time < own.time):
                return 0  # a later event came first
            remove(&self.table, own)
        parent = linked_parent(&self.table, event, self.newest)
        if parent == NULL or not parent.flags & (IS_SERVER | IS_BELOW):
            if not event.comm_class & SERVER or event.parent_pid <= INIT_PIDS:
                return 0
            parent = self.teach(event, event.comm)
        forked = parent[0]
        own = keep(
            &self.table, event, NULL, event.comm if event.comm.low else forked.comm
        )
        own.flags = (forked.flags & (IS_SERVER | IS_BELOW)) | IS_FORKED
        own.server_comm = forked.server_comm
        if own.flags & IS_SERVER:
            own.server_pid, own.age = own.pid, MAX_AGE
        else:
            own.server_pid = forked.server_pid
            own.depth = forked.depth + 1 if forked.depth < 255 else 255
        if event.time < self.newest:
            self.resolve(event)
        return 0

    cdef int exit(self, const task_event *event) except -1 nogil:
        cdef task *own
        if event.pid <= 0 or (event.tid != 0 and event.tid != event.pid):
            return 0
        own = find(&self.table, event.host, event.pid)
        if own == NULL or not may_be(own, event):
            return 0
        if event.time and event.time < own.time:
            return 0
        own.flags |= HAS_EXITED
        if event.time > own.seen:
            own.seen = event.time
        own.age = 0
        return 0

    # The judgement of an exec

    cdef int execute(
        self, int64_t sequence, const task_event *event, task *own, uint16_t marks,
        bint is_former, bint is_joined
    ) except -1 nogil:
        """Judge an exec and keep its task; return whether it has to do with a server."""
        cdef task *base
        cdef int evidence = self.base(event, own, &base)
        cdef bint is_server = becomes_server(event, evidence)
        if evidence == 0 and not is_server:
            if own != NULL:
                remove(&self.table, own)
            return 0
        if marks & ~EXACT and evidence and not is_joined:
            self.hit(sequence, event, marks, evidence, base, False)
        if not is_former:
            self.settle(event, own, evidence, base, is_server)
            if event.time < self.newest:
                self.resolve(event)
        return 1

    cdef int settle(
        self, const task_event *event, task *own, int evidence, task *base, bint is_server
    ) except -1 nogil:
        """Keep what an exec makes of its task."""
        cdef server_facts server
        if own != NULL and event.time and event.time < own.time:
            return 0  # what came after it is known
        server = server_of(event, evidence, base)
        own = keep(&self.table, event, own, event.comm)
        if is_server:
            own.flags, own.age = IS_SERVER | IS_MAIN, MAX_AGE
            own.server_pid, own.server_comm, own.depth = event.pid, event.comm, 0
        else:
            own.flags = IS_BELOW
            own.server_pid, own.server_comm, own.depth = server.pid, server.comm, server.depth
            self.learn(event, evidence)
        return 0

    cdef int base(self, const task_event *event, task *own, task **base) noexcept nogil:
        """Return how the task is below a server, and the task from which that follows."""
        cdef task *parent
        base[0] = NULL
        if own != NULL and own.flags & (IS_SERVER | IS_BELOW):
            base[0] = own
            return BY_ITSELF
        if event.prev_class & SERVER:
            return BY_NAME
        parent = linked_parent(&self.table, event, self.newest)
        if parent != NULL and parent.flags & (IS_SERVER | IS_BELOW):
            if event.time > parent.seen:
                parent.seen = event.time
            parent.age = MAX_AGE if parent.flags & IS_SERVER else 1
            base[0] = parent
            return BY_PARENT
        return 0

    # Identity

    cdef task *own(self, const task_event *event, bint *is_former) noexcept nogil:
        """Return the event's own task, and whether the event is of a former task of that pid.

        A task whose pid was taken over is forgotten.
        """
        cdef task *found
        is_former[0] = event.pid <= 0
        if is_former[0]:
            return NULL  # nothing can be kept of it
        found = find(&self.table, event.host, event.pid)
        if found == NULL or may_be(found, event):
            return found
        if event.time and event.time < found.time:
            is_former[0] = True
        else:
            remove(&self.table, found)
        return NULL

    # Servers that are known by their children

    cdef int learn(self, const task_event *event, int evidence) except -1 nogil:
        """Use the parent of tasks that bore a web server's name for the server."""
        cdef task *parent
        cdef int64_t age = event.time - event.start_time
        if evidence != BY_NAME or event.parent_pid <= INIT_PIDS \
                or event.parent_pid == event.pid or event.comm_class & SERVER:
            return 0
        if event.start_time and not 0 <= age <= YOUNG:
            return 0
        parent = linked_parent(&self.table, event, self.newest)
        if parent != NULL and not parent.flags & IS_SUSPECT:
            return 0
        if is_recent(&self.recent, event):
            return 0
        if event.comm_class & HELPER or (parent != NULL and parent.server_pid != event.pid):
            self.teach(event, event.prev_comm)
        elif parent == NULL:
            parent = self.teach(event, event.prev_comm)
            parent.flags, parent.server_pid = IS_SUSPECT, event.pid
        return 0

    cdef task *teach(self, const task_event *event, comm_words comm) except NULL nogil:
        """Keep the parent of an event as a server of that name."""
        cdef task_event learned
        cdef task *parent = find(&self.table, event.host, event.parent_pid)
        if parent != NULL:
            remove(&self.table, parent)
        learned = event[0]
        learned.pid = event.parent_pid
        learned.parent_pid = 0
        learned.tid = 0
        learned.start_time = 0
        learned.entity = event.parent_entity
        parent = keep(&self.table, &learned, NULL, comm)
        parent.flags, parent.age = IS_SERVER, MAX_AGE
        parent.server_pid, parent.server_comm = parent.pid, comm
        return parent

    cdef int hit(
        self, int64_t sequence, const task_event *event, uint16_t marks, int evidence,
        const task *base, bint is_late
    ) except -1 nogil:
        return add_hit(
            &self.hits, &self.table, &self.classes.table, sequence, event, marks, evidence, base,
            is_late,
        )

    # Events out of order

    cdef int remember(self, int64_t sequence, const task_event *event) except -1 nogil:
        if self.recent.count == MAX_RECENT:
            self.drop_oldest_recent()
        append_recent(&self.recent, sequence, event)
        return 0

    cdef bint is_over(self, const task_event *event) noexcept nogil:
        return event.time < newest_of(&self.table, event.host) - self.table.window

    cdef int drop_oldest_recent(self) except -1 nogil:
        cdef recent_event oldest = recent_at(&self.recent, 0)[0]
        cdef task *own
        cdef uint16_t marks = oldest.event.marks
        forget_recent(&self.recent, 0)
        if oldest.event.kind != CHECK:
            return 0
        own = find(&self.table, oldest.event.host, oldest.event.pid)
        if own == NULL or not own.flags & IS_DEFERRED or own.time != oldest.event.time:
            return 0
        # No exec followed its check: the check is all there is.
        own.flags = (own.flags & ~IS_DEFERRED) | IS_REPORTED
        if own.flags & IS_EXACT:
            marks |= EXACT
        return self.hit(oldest.sequence, &oldest.event, marks, BY_ITSELF, own, True)

    cdef int resolve(self, const task_event *event) except -1 nogil:
        """Judge again the execs that came before an event from which they follow."""
        cdef task_event settled[MAX_RECENT + 1]
        cdef int n_settled = 1, i, evidence
        cdef task_event earlier
        cdef recent_event entry
        cdef const task_event *later = &entry.event
        cdef task *own
        cdef task *base
        cdef bint is_former
        settled[0] = event[0]
        while n_settled:
            n_settled -= 1
            earlier = settled[n_settled]
            i = 0
            while i < self.recent.count:
                entry = recent_at(&self.recent, i)[0]
                i += 1
                if later.host != earlier.host or later.time < earlier.time \
                        or (later.pid != earlier.pid and later.parent_pid != earlier.pid) \
                        or (later.kind == CHECK and self.has_exec):
                    continue
                own = self.own(later, &is_former)
                evidence = self.base(later, own, &base)
                if evidence == 0:
                    continue
                i -= 1
                forget_recent(&self.recent, i)
                if later.marks & ~EXACT:
                    self.hit(entry.sequence, later, later.marks, evidence, base, True)
                if not is_former:
                    self.settle(later, own, evidence, base, becomes_server(later, evidence))
                    settled[n_settled] = later[0]
                    n_settled += 1
        return 0


cdef inline bint becomes_server(const task_event *event, int evidence) noexcept nogil:
    if event.comm_class & SERVER:
        return True
    if not event.comm_class & RUNTIME or event.hints & OTHER_ARGUMENTS:
        return False
    if event.hints & SERVER_ARGUMENTS:
        return True
    return (
        event.comm_class & BY_START != 0
        and evidence == 0
        and event.prev_comm.low != 0
        and not same_comm(event.prev_comm, event.comm)
        and not event.prev_class & SHELL
    )
