"""Rows: the row numbers that a match returns."""

from cpython.buffer cimport PyBuffer_FillInfo
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc


cdef class Rows:
    """Row numbers in ascending order; a read-only buffer of int64, made without a copy."""

    def __cinit__(self):
        self.rows = NULL
        self.count = self.capacity = 0

    def __dealloc__(self):
        free(self.rows)

    cdef int append(self, int64_t row) except -1 nogil:
        cdef Py_ssize_t capacity
        cdef int64_t *rows
        if self.count == self.capacity:
            capacity = 2 * self.capacity if self.capacity else 64
            rows = <int64_t *>realloc(self.rows, capacity * sizeof(int64_t))
            if rows == NULL:
                with gil:
                    raise MemoryError
            self.rows = rows
            self.capacity = capacity
        self.rows[self.count] = row
        self.count += 1
        return 0

    def __len__(self):
        return self.count

    def __iter__(self):
        cdef Py_ssize_t i
        for i in range(self.count):
            yield self.rows[i]

    def __getitem__(self, index):
        """Return a row number, or a list of them for a slice."""
        if isinstance(index, slice):
            return [self.rows[i] for i in range(*index.indices(self.count))]
        cdef Py_ssize_t i = index
        if i < 0:
            i += self.count
        if not 0 <= i < self.count:
            raise IndexError(f"row number {index} of {self.count}")
        return self.rows[i]

    def __getbuffer__(self, Py_buffer *view, int flags):
        # No row may be appended once the numbers are out: a match returns complete Rows only.
        PyBuffer_FillInfo(
            view, self, self.rows, self.count * <Py_ssize_t>sizeof(int64_t), 1, flags
        )
