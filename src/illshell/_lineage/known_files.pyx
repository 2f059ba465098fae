# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Files that ran as a shell, remembered by device and inode or by hash."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from illshell._lineage.python_events cimport words_of


cdef class KnownFiles:
    """A table of fixed size: a file that falls on another's place displaces it.

    The ctime tells a file from a later one that has its inode. That a hard link changes the ctime
    costs no more than waiting for the shell to run again under its own name.
    """

    def __cinit__(self):
        self.files = <known_file *>calloc(1 << FILE_BITS, sizeof(known_file))
        if self.files == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.files)

    def is_shell(
        self, uint64_t host, uint64_t device, uint64_t inode, int64_t changed, bytes comm, *,
        bint by_name
    ):
        """Whether a file that runs under another name ran as a shell; learn it where by_name."""
        return bool(
            is_shell_file(self.files, host, device, inode, changed, words_of(comm), by_name)
        )
