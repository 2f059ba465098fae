# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Packed events of tasks, from arrays of one length."""

from cpython.buffer cimport (
    PyBUF_FORMAT,
    PyBUF_STRIDED_RO,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from libc.stdint cimport int64_t, uint8_t

cimport cython

from illshell.model.errors import ColumnError

INTEGERS = (
    "kind", "pid", "parent_pid", "tid", "host", "time", "start_time", "entity", "parent_entity",
    "hints", "device", "inode", "ctime",
)
TEXTS = ("host_name", "comm", "prev_comm", "pathname", "cmdpath", "interp", "sha256")


cdef class View:
    """A buffer that is held as long as this object lives."""

    def __cinit__(self, owner):
        PyObject_GetBuffer(owner, &self.buffer, PyBUF_STRIDED_RO | PyBUF_FORMAT)
        self.is_held = True

    def __dealloc__(self):
        if self.is_held:
            PyBuffer_Release(&self.buffer)


@cython.final
cdef class TaskColumns:
    """Events of tasks in columns, taken without a copy; the arrays must not change meanwhile.

    ``columns``: by name, one-dimensional arrays of one length. Integers of any size, or one int for
    every row: kind (1 exec, 2 check, 3 fork, 4 exit), pid, parent_pid and tid (the host's numbers,
    of a fork the child's), host (64 bits that stand for it), time and start_time (ns), entity and
    parent_entity, hints, device, inode and ctime. Zero-padded bytes of one width (NumPy's ``S``):
    comm, prev_comm, pathname, cmdpath, interp, sha256, and host_name in place of host. kind and pid
    are required; what is missing is not known, and so is a number that the field can't have.

    Raises ColumnError for a column that is unknown, missing, of another type, or of another length.
    """

    def __cinit__(self, columns):
        self.views = []
        self.length = -1
        for name in columns:
            if name not in INTEGERS and name not in TEXTS:
                raise ColumnError(
                    name, f"is unknown; expected one of {', '.join(INTEGERS + TEXTS)}"
                )
        for name in ("kind", "pid"):
            if columns.get(name) is None:
                raise ColumnError(name, "is required")
        self.take_integers("kind", columns, &self.kind)
        self.take_integers("pid", columns, &self.pid)
        self.take_integers("parent_pid", columns, &self.parent_pid)
        self.take_integers("tid", columns, &self.tid)
        self.take_integers("host", columns, &self.host)
        self.take_integers("time", columns, &self.time)
        self.take_integers("start_time", columns, &self.start_time)
        self.take_integers("entity", columns, &self.entity)
        self.take_integers("parent_entity", columns, &self.parent_entity)
        self.take_integers("hints", columns, &self.hints)
        self.take_integers("device", columns, &self.device)
        self.take_integers("inode", columns, &self.inode)
        self.take_integers("ctime", columns, &self.ctime)
        self.take_texts("host_name", columns, &self.host_name)
        self.take_texts("comm", columns, &self.comm)
        self.take_texts("prev_comm", columns, &self.prev_comm)
        self.take_texts("pathname", columns, &self.pathname)
        self.take_texts("cmdpath", columns, &self.cmdpath)
        self.take_texts("interp", columns, &self.interp)
        self.take_texts("sha256", columns, &self.sha256)
        self.has_paths = (
            self.pathname.data != NULL or self.cmdpath.data != NULL or self.interp.data != NULL
        )
        self.has_files = self.inode.data != NULL or self.sha256.data != NULL
        if self.length < 0:
            raise ColumnError("pid", "is one number; an array must say how many rows there are")

    def __len__(self):
        return self.length

    cdef View view_of(self, str name, array):
        cdef View view
        try:
            view = View(array)
        except (BufferError, TypeError, ValueError) as error:
            raise ColumnError(name, f"is no array of plain values: {error}") from None
        if view.buffer.ndim != 1:
            raise ColumnError(name, f"has {view.buffer.ndim} dimensions; one is expected")
        if self.length < 0:
            self.length = view.buffer.shape[0]
        if view.buffer.shape[0] != self.length:
            raise ColumnError(name, f"has {view.buffer.shape[0]} rows; others have {self.length}")
        self.views.append(view)
        return view

    cdef int take_integers(self, str name, columns, integer_column *column) except -1:
        cdef View view
        array = columns.get(name)
        if array is None:
            return 0
        if isinstance(array, int):
            column.constant = <int64_t>(<unsigned long long>(array & 0xFFFFFFFFFFFFFFFF))
            return 0
        view = self.view_of(name, array)
        form = format_of(view)
        if form not in tuple("bBhHiIlLqQ?"):
            raise ColumnError(name, f"has values of format {form!r}; integers are expected")
        column.data = <const uint8_t *>view.buffer.buf
        column.stride = view.buffer.strides[0]
        column.size = <int>view.buffer.itemsize
        column.is_signed = form in "bhilq"
        return 0

    cdef int take_texts(self, str name, columns, text_column *column) except -1:
        cdef View view
        array = columns.get(name)
        if array is None:
            return 0
        view = self.view_of(name, array)
        form = format_of(view)
        if not form.endswith("s"):
            raise ColumnError(name, f"has values of format {form!r}; bytes are expected")
        column.data = <const uint8_t *>view.buffer.buf
        column.stride = view.buffer.strides[0]
        column.width = view.buffer.itemsize
        return 0


cdef str format_of(View view):
    if view.buffer.format == NULL:
        return "B"
    return (<bytes>view.buffer.format).decode("ascii").lstrip("@=<|")
