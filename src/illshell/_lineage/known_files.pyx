# cython: language_level=3
# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=True, freethreading_compatible=True
"""Files that ran as a shell, remembered by device and inode or by hash."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from illshell._lineage.python_events cimport words_of

from illshell.signatures.shell_below_web_server.state import SnapshotError


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

    def snapshot(self):
        """Return the files that are known, as bytes: at most 40 for each of 4,096."""
        cdef int i
        return b"".join([
            (<const char *>&self.files[i])[:sizeof(known_file)]
            for i in range(1 << FILE_BITS)
            if self.files[i].inode
        ])

    def restore(self, bytes data not None):
        """Replace what is known. Raises SnapshotError, and then changes nothing."""
        cdef known_file file
        cdef Py_ssize_t at
        if len(data) % sizeof(known_file) or len(data) > sizeof(known_file) << FILE_BITS:
            raise SnapshotError(f"{len(data)} bytes are no snapshot of known files")
        memset(self.files, 0, sizeof(known_file) << FILE_BITS)
        for at in range(0, len(data), sizeof(known_file)):
            memcpy(&file, <const char *>data + at, sizeof(known_file))
            self.files[slot_of_file(file.host, file.device, file.inode)] = file

    def is_shell(
        self, uint64_t host, uint64_t device, uint64_t inode, int64_t changed, bytes comm, *,
        bint by_name
    ):
        """Whether a file that runs under another name ran as a shell; learn it where by_name."""
        return bool(
            is_shell_file(self.files, host, device, inode, changed, words_of(comm), by_name)
        )
