"""Where records go: a file, a pipe or a terminal that never keeps half a record."""

from __future__ import annotations

import errno
import os
import select
import stat
from typing import TYPE_CHECKING, Final

from illshell.model.errors import IllshellError

if TYPE_CHECKING:
    from types import TracebackType

    from illshell.sources.stop_flag import StopFlag

STDOUT: Final = 1


class SinkError(IllshellError):
    """The sink could not take a record; ``written`` records before it are whole and stay."""

    def __init__(self, name: str, reason: str, written: int) -> None:
        super().__init__(f"{name}: {reason}")
        self.written = written


class ReaderGoneError(SinkError):
    """Nobody reads the pipe any more."""


class Sink:
    """Writes records to a descriptor, each at once and whole.

    A record is whole lines. Where a regular file can't take all of one, the file is cut back to the
    end of the one before; a pipe keeps what it has taken. Only a second signal, while nobody
    empties the pipe, breaks a write off; a first one lets it finish.

    Not thread-safe.
    """

    def __init__(self, descriptor: int, name: str, stop: StopFlag, *, owned: bool = False) -> None:
        self.name = name
        self.written = 0
        self._descriptor = descriptor
        self._owned = owned
        self._stop = stop
        try:
            self.status = os.fstat(descriptor)
        except OSError as error:
            raise self._failure(error) from None
        self._regular = stat.S_ISREG(self.status.st_mode)

    @classmethod
    def open(cls, path: str, stop: StopFlag) -> Sink:
        """Open a path, emptying a file that is there; ``-`` is stdout. SinkError if it fails."""
        if path == "-":
            return cls(STDOUT, "<stdout>", stop)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        stop.waiting = True  # a FIFO's open waits for a reader
        try:
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            raise SinkError(path, error.strerror or str(error), 0) from None
        finally:
            stop.waiting = False
        return cls(descriptor, path, stop, owned=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it."""
        return os.isatty(self._descriptor)

    @property
    def columns(self) -> int:
        """Width of the terminal; OSError where there is none."""
        return os.get_terminal_size(self._descriptor).columns

    def write(self, record: bytes) -> None:
        """Write a record; SinkError where it can't be, and then nothing of it stays in a file."""
        rest = memoryview(record)
        self._stop.shielded = self._regular
        try:
            while rest:
                rest = rest[self._write_some(rest) :]
        except OSError as error:
            self._cut_back(len(record) - len(rest))
            raise self._failure(error) from None
        finally:
            self._stop.shielded = False
        self.written += 1

    def close(self) -> None:
        """Close what ``open`` opened; SinkError where the system tells of a loss only now."""
        if self._owned:
            self._owned = False
            try:
                os.close(self._descriptor)
            except OSError as error:
                raise self._failure(error) from None

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write_some(self, rest: memoryview) -> int:
        try:
            count = os.write(self._descriptor, rest)
        except BlockingIOError:
            # Whoever shares the descriptor has made it non-blocking.
            poll = select.poll()
            poll.register(self._descriptor, select.POLLOUT)
            poll.poll()
            return 0
        if count == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return count

    def _cut_back(self, count: int) -> None:
        if not (count and self._regular):
            return
        try:
            end = os.lseek(self._descriptor, 0, os.SEEK_CUR)
            if os.fstat(self._descriptor).st_size == end:  # else somebody else has appended
                os.ftruncate(self._descriptor, end - count)
                os.lseek(self._descriptor, end - count, os.SEEK_SET)
        except OSError:
            return  # the error that led here is the one to report

    def _failure(self, error: OSError) -> SinkError:
        kind = ReaderGoneError if error.errno == errno.EPIPE else SinkError
        return kind(self.name, error.strerror or str(error), self.written)
