"""Tracee event streams as Arrow record batches: decodes, never judges.

Bytes go in (JSON lines, plain or compressed), record batches come out. Every line that is not blank is counted
exactly once: as a row, in ``skipped``, or in ``refused``. A line that becomes a row is one that ``json.loads``
accepts, with the same values; a line that this decoder does not vouch for is handed back in ``refused``, and
``json.loads`` has the last word on it.

Columns of a batch, in this order:

================  =========================  ==========================================================
``event_name``    dictionary<int32, utf8>    null if missing or not a string (only if every event is asked for)
``process_name``  utf8                       ``""`` if missing or null, null if not a string
one per argument  utf8                       the value of the first argument of that name; null if it is
                                             missing or not a string
``position``      int64                      offset of the event's first byte in the decompressed stream
``length``        int32                      bytes of the event
``record``        binary                     those bytes: the line without white space around it
================  =========================  ==========================================================
"""

import os
from collections.abc import Sequence
from typing import Literal, final

from typing_extensions import Buffer, CapsuleType

__all__ = ["MAX_LINE", "Batch", "JsonLines", "JsonLinesReader", "StreamError", "__version__"]

__version__: str

MAX_LINE: int
"""Default limit of a line: 16 MiB without its newline."""

class StreamError(OSError):
    """A corrupt or truncated gzip or zstd stream.

    Raised once, after every line before the damage was delivered.
    """

    offset: int
    """Decompressed bytes before the damage."""
    compression: Literal["gzip", "zstd"]

@final
class Batch:
    """One decoded stretch of the input. Immutable; may be exported any number of times, from any thread."""

    @property
    def num_rows(self) -> int:
        """Rows: events with a wanted name."""
    @property
    def skipped(self) -> int:
        """Events set aside by their name alone."""
    @property
    def refused(self) -> list[tuple[int, bytes, bool]]:
        """Lines not vouched for: offset, bytes, and whether the line was over the limit (then the first bytes only).

        Built anew by each access.
        """
    @property
    def start(self) -> int:
        """Offset of the first byte of the decompressed stream that this batch covers."""
    @property
    def end(self) -> int:
        """Offset behind the last byte that this batch covers."""
    def __arrow_c_schema__(self) -> CapsuleType:
        """The schema through the Arrow PyCapsule interface."""
    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[CapsuleType, CapsuleType]:
        """The rows through the Arrow PyCapsule interface, without a copy: a struct array with a field per column.

        ``requested_schema`` is not acted upon, as the interface allows.
        """

@final
class JsonLines:
    """A push decoder of JSON lines: bytes in, batches out.

    ``event_names``: names of the events to decode; ``None`` for all.
    ``arguments``: names of the event arguments that become columns.
    ``strict``: decode every line, also of other events, and refuse duplicate keys at any depth.
    ``max_line``: limit of a line in bytes, without its newline; at most 512 MiB, else ``ValueError``.

    Calls from several threads take turns.
    """

    def __new__(
        cls,
        event_names: Sequence[str] | None,
        arguments: Sequence[str],
        *,
        strict: bool = False,
        max_line: int = ...,
    ) -> JsonLines: ...
    def feed(self, data: Buffer) -> Batch:
        """Take the next bytes and return every line that is complete now.

        ``ValueError`` after ``finish``, or for more than 1 GiB at once.
        """
    def finish(self) -> Batch:
        """End the stream and return a last line without newline. ``ValueError`` the second time."""

@final
class JsonLinesReader:
    """A pull decoder of JSON lines from a path or a file descriptor, decompressed by content (gzip, zstd).

    A descriptor is duplicated, and read from where it stands. ``OSError`` if it cannot be opened, ``IsADirectoryError``
    for a directory. The other parameters are those of :class:`JsonLines`. Calls from several threads take turns;
    ``compression``, ``size`` and ``consumed`` never wait.
    """

    def __new__(
        cls,
        source: str | bytes | os.PathLike[str] | os.PathLike[bytes] | int,
        event_names: Sequence[str] | None,
        arguments: Sequence[str],
        *,
        strict: bool = False,
        max_line: int = ...,
    ) -> JsonLinesReader: ...
    def next(self) -> Batch | None:
        """Read on and return the next batch; ``None`` at the end.

        A regular file gives batches of up to about 16,000 rows, 4 MiB of events or 32 MiB of input. Anything else
        gives a batch as soon as a line is a row or refused. A batch without rows is no end: one comes when a signal
        handler ran without raising, and now and then from an idle source.

        ``StreamError`` or another ``OSError``, once, after all lines before it; then ``None``.
        """
    @property
    def compression(self) -> Literal["none", "gzip", "zstd"]:
        """The compression, told by content. Of a pipe, ``"none"`` until its first bytes have come."""
    @property
    def size(self) -> int | None:
        """Bytes of a regular file as it is stored; else ``None``."""
    @property
    def consumed(self) -> int:
        """Bytes read from the source so far, as they are stored."""
