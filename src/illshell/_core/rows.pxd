from libc.stdint cimport int64_t


cdef class Rows:
    # The row numbers, ascending. None may be appended once a buffer of them is out.
    cdef int64_t *rows
    cdef Py_ssize_t count
    cdef Py_ssize_t capacity
    cdef int append(self, int64_t row) except -1 nogil
