"""Packed events of tasks: columns that others own, and how a row is read without the GIL."""

from libc.stdint cimport INT32_MAX, UINT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcpy

cimport cython

from illshell._lineage.marks cimport file_name, program_paths, text_number, text_value
from illshell._lineage.task_event cimport (
    CHECK,
    EXEC,
    EXIT,
    comm_words,
    cut_at_nul,
    task_event,
)


# Integers of 1, 2, 4 or 8 bytes; no data: the constant in every row.
ctypedef struct integer_column:
    const uint8_t *data
    int64_t stride
    int size
    bint is_signed
    int64_t constant


# Zero-padded values of one width; no data: empty in every row.
ctypedef struct text_column:
    const uint8_t *data
    int64_t stride
    int64_t width


cdef inline comm_words comm_at(const text_column *column, int64_t row) noexcept nogil:
    """Return a value as the kernel keeps a name."""
    cdef comm_words words
    cdef const uint8_t *at
    words.low = words.high = 0
    if column.data == NULL:
        return words
    at = column.data + row * column.stride
    if column.width >= 16:
        memcpy(&words, at, 16)
    else:
        memcpy(&words, at, column.width)
    return cut_at_nul(words)


cdef class View:
    cdef Py_buffer buffer
    cdef bint is_held


@cython.final
cdef class TaskColumns:
    cdef readonly int64_t length
    cdef list views
    cdef integer_column kind, pid, parent_pid, tid, host, time, start_time, entity, parent_entity
    cdef integer_column hints, device, inode, ctime
    cdef text_column host_name, comm, prev_comm, pathname, cmdpath, interp, sha256
    cdef bint has_paths
    cdef bint has_files
    cdef View view_of(self, str name, array)
    cdef int take_integers(self, str name, columns, integer_column *column) except -1
    cdef int take_texts(self, str name, columns, text_column *column) except -1


cdef inline int64_t integer_at(const integer_column *column, int64_t row) noexcept nogil:
    cdef int64_t wide = 0
    cdef int number = 0
    cdef short narrow = 0
    if column.data == NULL:
        return column.constant
    if column.size == 8:
        memcpy(&wide, column.data + row * column.stride, 8)
        return wide
    if column.size == 4:
        memcpy(&number, column.data + row * column.stride, 4)
        return number if column.is_signed else <unsigned int>number
    if column.size == 2:
        memcpy(&narrow, column.data + row * column.stride, 2)
        return narrow if column.is_signed else <unsigned short>narrow
    if column.is_signed:
        return <signed char>column.data[row * column.stride]
    return column.data[row * column.stride]


cdef inline text_value text_at(const text_column *column, int64_t row) noexcept nogil:
    cdef text_value value
    cdef const uint8_t *end
    value.data = NULL
    value.length = 0
    if column.data != NULL:
        value.data = column.data + row * column.stride
        end = <const uint8_t *>memchr(value.data, 0, column.width)
        value.length = column.width if end == NULL else end - value.data
    return value


cdef inline int32_t pid_of(int64_t number) noexcept nogil:
    return <int32_t>number if 0 <= number <= INT32_MAX else 0


cdef inline int64_t time_of(int64_t number) noexcept nogil:
    return number if number >= 0 else 0


cdef inline uint32_t entity_of(int64_t number) noexcept nogil:
    return <uint32_t>number if 0 <= number <= UINT32_MAX else 0


cdef inline void read_event(
    TaskColumns columns, int64_t row, task_event *event, program_paths *paths
) noexcept nogil:
    """Read a row; the paths point into the columns. Of a check the comm is the file's name."""
    cdef int64_t kind = integer_at(&columns.kind, row)
    event.kind = <uint8_t>kind if EXEC <= kind <= EXIT else 0
    event.pid = pid_of(integer_at(&columns.pid, row))
    event.parent_pid = pid_of(integer_at(&columns.parent_pid, row))
    event.tid = pid_of(integer_at(&columns.tid, row))
    event.time = time_of(integer_at(&columns.time, row))
    event.start_time = time_of(integer_at(&columns.start_time, row))
    event.entity = entity_of(integer_at(&columns.entity, row))
    event.parent_entity = entity_of(integer_at(&columns.parent_entity, row))
    event.hints = <uint8_t>integer_at(&columns.hints, row)
    event.marks = 0
    if columns.host_name.data != NULL:
        event.host = text_number(text_at(&columns.host_name, row))
    else:
        event.host = <uint64_t>integer_at(&columns.host, row)
    event.comm = comm_at(&columns.comm, row)
    event.prev_comm = comm_at(&columns.prev_comm, row)
    if columns.has_paths:
        paths.pathname = text_at(&columns.pathname, row)
        paths.cmdpath = text_at(&columns.cmdpath, row)
        paths.interp = text_at(&columns.interp, row)
    if event.kind == CHECK:
        event.comm = file_name(paths)
