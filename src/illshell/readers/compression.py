"""Bytes of a file or descriptor, decompressed by what they are, not by what the file is called."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from typing import TYPE_CHECKING, Final

from illshell.model.errors import StreamError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

    from illshell.sources.stop_flag import StopFlag

CHUNK: Final = 256 * 1024
"""Bytes of a read."""

WINDOW_LOG_MAX: Final = 27
"""A zstd frame that needs a window above 2**27 bytes is refused, so that memory is bounded."""

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte from 0x50 to 0x5f
_MAGIC_LENGTH = 4


class RawSource(io.RawIOBase):
    """The bytes as they lie in the file or come through the pipe, counted."""

    def __init__(self, source: str | int, stop: StopFlag) -> None:
        super().__init__()
        self._fd = os.dup(source) if isinstance(source, int) else os.open(source, os.O_RDONLY)
        status = os.fstat(self._fd)
        if stat.S_ISDIR(status.st_mode):
            self.close()
            raise IsADirectoryError(21, os.strerror(21), source)
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None
        self.consumed = 0
        self._stop = stop
        self._head = b""

    def readable(self) -> bool:
        """Whether the source can be read: it can."""
        return True

    def peek_magic(self) -> bytes:
        """Return the first bytes, fewer where a line or the input ends; they are read again."""
        while len(self._head) < _MAGIC_LENGTH and b"\n" not in self._head:
            more = self._read(_MAGIC_LENGTH - len(self._head))
            if not more:
                break
            self._head += more
        return self._head

    def readinto(self, buffer: Buffer) -> int:
        """Read what is there, at most as much as fits."""
        view = memoryview(buffer).cast("B")
        data = self.read_now(len(view))
        view[: len(data)] = data
        return len(data)

    def read_now(self, size: int) -> bytes:
        """Read what is there, at most that many bytes."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._read(size)

    def _read(self, size: int) -> bytes:
        self._stop.waiting = self.size is None
        try:
            data = os.read(self._fd, size)
        finally:
            self._stop.waiting = False
        self.consumed += len(data)
        return data

    def close(self) -> None:
        """Close the descriptor of its own that the source has."""
        # Python closes, when it frees it, also a source that could not be opened.
        if not self.closed and hasattr(self, "_fd"):
            os.close(self._fd)
        super().close()


def decompressed(raw: RawSource) -> Iterator[bytes]:
    """Return the decompressed bytes piece by piece, as soon as they come.

    StreamError where the compressed stream is damaged or ends too soon, after all before it.
    """
    magic = raw.peek_magic()
    read: Callable[[int], bytes]
    if magic.startswith(_GZIP):
        kind, read = "gzip", gzip.GzipFile(fileobj=raw, mode="rb").read1
    elif magic.startswith(_ZSTD) or (magic[1:] == _ZSTD_SKIPPABLE and magic[0] >> 4 == 5):
        options = {int(zstd.DecompressionParameter.window_log_max): WINDOW_LOG_MAX}
        kind, read = "zstd", zstd.ZstdFile(raw, options=options).read1
    else:
        kind, read = "plain", raw.read_now
    offset = 0
    while True:
        try:
            piece = read(CHUNK)
        except (gzip.BadGzipFile, zlib.error, EOFError, zstd.ZstdError) as error:
            raise StreamError(offset, f"{kind} stream broken at byte {offset}: {error}") from None
        if not piece:
            return
        offset += len(piece)
        yield piece
