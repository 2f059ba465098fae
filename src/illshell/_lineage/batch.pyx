# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Judgement of packed events: classes, marks and lineage of one row after the other."""

from libc.stdint cimport int64_t, uint16_t, uint64_t
from libc.string cimport memset

cimport cython

from illshell._lineage.columns cimport TaskColumns, integer_at, read_event, text_at
from illshell._lineage.known_files cimport KnownFiles, is_shell_file
from illshell._lineage.lineage cimport Lineage
from illshell._lineage.marks cimport (
    file_name,
    is_exact,
    is_script,
    marks_of,
    program_paths,
    text_number,
    text_value,
)
from illshell._lineage.name_classes cimport (
    LOADER,
    MULTI_CALL,
    RUNTIME,
    SHELL,
    NameClasses,
    class_of,
)
from illshell._lineage.task_event cimport (
    CHECK,
    EXACT,
    EXEC,
    SAME_FILE,
    SAME_HASH,
    SHELL_NAME,
    SHELL_VERSION,
    task_event,
)
from illshell._lineage.task_table cimport hash_of, prefetch_slot, prefetch_task

from illshell.signatures.shell_below_web_server.limits import HASHED

cdef uint64_t HASH_DEVICE = HASHED
cdef enum:
    BLOCK = 32     # rows whose tasks are fetched from memory together


@cython.final
cdef class BatchJudge:
    """Feeds packed events to a Lineage; not thread-safe.

    ``lineage`` and ``files`` are the signature's own. ``exact_classes``: TRC-1016's names, and
    ``exact_kinds`` the kinds of events on which it runs beside it. ``enabled``: marks to use.
    """

    cdef Lineage lineage
    cdef KnownFiles files
    cdef NameClasses exact_classes
    cdef uint16_t enabled
    cdef bint is_exact_exec
    cdef bint is_exact_check

    def __cinit__(
        self, Lineage lineage not None, KnownFiles files not None,
        NameClasses exact_classes not None, *, exact_kinds=(), uint16_t enabled=0xFFFF
    ):
        self.lineage = lineage
        self.files = files
        self.exact_classes = exact_classes
        self.enabled = enabled | EXACT
        self.is_exact_exec = EXEC in exact_kinds
        self.is_exact_check = CHECK in exact_kinds

    def feed(self, TaskColumns columns not None, ask=None):
        """Judge the rows in order; return the hits that they decide.

        ``ask(row)`` returns marks and hints of a row by its arguments, None where they are not
        known; it is called for programs that depend on theirs, busybox and the runtimes. A hit's
        sequence number is that of the stream.
        """
        cdef int64_t row = 0
        with nogil:
            while row < columns.length:
                row = self.feed_block(columns, row, ask)
        return self.lineage.take_hits()

    cdef int64_t feed_block(self, TaskColumns columns, int64_t first, ask) except -1 nogil:
        """Judge a block of rows; return the row behind it."""
        cdef task_event events[BLOCK]
        cdef uint64_t own[BLOCK]
        cdef uint64_t parents[BLOCK]
        cdef program_paths paths
        cdef int i, count = BLOCK
        memset(&paths, 0, sizeof(paths))
        if columns.length - first < BLOCK:
            count = <int>(columns.length - first)
        for i in range(count):
            read_event(columns, first + i, &events[i], &paths)
            own[i] = hash_of(events[i].host, events[i].pid)
            parents[i] = hash_of(events[i].host, events[i].parent_pid)
            prefetch_slot(&self.lineage.table, own[i])
            prefetch_slot(&self.lineage.table, parents[i])
            events[i].comm_class = class_of(&self.lineage.classes.table, events[i].comm)
            events[i].prev_class = class_of(&self.lineage.classes.table, events[i].prev_comm)
            if events[i].kind == EXEC or events[i].kind == CHECK:
                self.mark(columns, first + i, &events[i], &paths, ask)
        for i in range(count):
            prefetch_task(&self.lineage.table, own[i])
            prefetch_task(&self.lineage.table, parents[i])
        for i in range(count):
            self.lineage.take(&events[i])
        return first + count

    cdef int mark(
        self, TaskColumns columns, int64_t row, task_event *event, const program_paths *paths, ask
    ) except -1 nogil:
        """Set the marks and hints of an executed program."""
        cdef uint16_t marks = 0
        if columns.has_paths or event.comm_class & (SHELL | MULTI_CALL | LOADER):
            marks = marks_of(event, paths, &self.lineage.classes.table)
        if ask is not None and event.comm_class & (RUNTIME | MULTI_CALL):
            with gil:
                self.ask_about(ask, row, event, &marks)
        if columns.has_files and event.kind == EXEC and not is_script(paths):
            marks |= self.file_marks(columns, row, event, paths, marks)
        marks &= self.enabled
        if (self.is_exact_exec if event.kind == EXEC else self.is_exact_check) \
                and is_exact(event, paths, &self.exact_classes.table):
            marks |= EXACT
        event.marks = marks
        return 0

    cdef int ask_about(self, ask, int64_t row, task_event *event, uint16_t *marks) except -1:
        told = ask(row)
        if told is not None:
            marks[0], event.hints = told
        return 0

    cdef uint16_t file_marks(
        self, TaskColumns columns, int64_t row, const task_event *event,
        const program_paths *paths, uint16_t marks
    ) noexcept nogil:
        """Learn the file of a shell; return marks for a file that ran as one."""
        cdef uint64_t inode = <uint64_t>integer_at(&columns.inode, row), number
        cdef text_value sha256 = text_at(&columns.sha256, row)
        cdef bint is_shell = marks & (SHELL_NAME | SHELL_VERSION) != 0
        cdef uint16_t found = 0
        if inode == 0 and sha256.length == 0:
            return 0
        if is_shell and not class_of(&self.lineage.classes.table, file_name(paths)) & SHELL:
            # A link to a program that is more than a shell, such as busybox.
            return 0
        if is_shell_file(
            self.files.files, event.host, <uint64_t>integer_at(&columns.device, row), inode,
            integer_at(&columns.ctime, row), event.comm, is_shell
        ):
            found |= SAME_FILE
        if sha256.length:
            number = text_number(sha256)
            if is_shell_file(self.files.files, 0, HASH_DEVICE, number, 0, event.comm, is_shell):
                found |= SAME_HASH
        return found
