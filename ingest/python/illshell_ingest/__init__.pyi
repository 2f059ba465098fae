"""Event streams of sensors as Arrow record batches: decodes, never judges.

Bytes go in (JSON lines, plain or compressed), record batches come out. Every line that is not blank is counted
exactly once: as a row, in ``skipped``, or in ``deferred``. A line that becomes a row is one that ``json.loads``
accepts, with the same values; any other line is in ``deferred``, for the caller to decode with
``json.loads``.

Which lines are selected events, and where the projected fields lie in them, is a *projection*: a dictionary, or its
JSON, that docs/reading.md explains. :class:`Projection` compiles one for several decoders.

Columns of a batch, in this order:

====================  =========================  ======================================================
one per column asked  utf8, int64, bool; a time  null where the event has no such value; ``event_name``
for                   is an int64                is dictionary<int32, utf8>
``dialect``           dictionary<int32, utf8>    only where the projection has more than one dialect
``position``          int64                      offset of the event's first byte in the decompressed
                                                 stream
``length``            int32                      bytes of the event
``raw_event``         binary_view                those bytes: the line without white space around it
====================  =========================  ======================================================
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, final

from typing_extensions import Buffer, CapsuleType

__all__ = [
    "INSTRUCTION_SETS",
    "MAX_LINE",
    "Batch",
    "Batches",
    "JsonLines",
    "JsonLinesReader",
    "Projection",
    "StreamError",
    "__version__",
]

__version__: str

MAX_LINE: int
"""Default limit of a line: 16 MiB without its newline."""

INSTRUCTION_SETS: tuple[str, ...]
"""What may be asked for as ``instruction_set`` on this machine, the best first: ``avx512`` (with GFNI), ``avx2``,
``neon``, ``portable``, and ``none``, which decodes with serde_json only. The result is always the same.
"""

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
        """Number of rows, which are the selected events."""
    @property
    def skipped(self) -> int:
        """Number of lines that are not selected events."""
    @property
    def deferred(self) -> list[tuple[int, int, bytes, bool]]:
        """Deferred lines: rows before the line, its offset, its bytes, and whether it was over the limit.

        Of a line over the limit the bytes are the first ones. Built anew by each access.
        """
    @property
    def dialects(self) -> dict[str, int]:
        """Rows of each dialect of the projection."""
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
class Batches:
    """The batches of one piece of a stream, each decoded when it is asked for: at least one, perhaps without rows."""

    def __iter__(self) -> Iterator[Batch]: ...
    def __next__(self) -> Batch:
        """Decode on and return the next batch.

        ``ValueError`` after the decoder's ``finish``, or for more than 1 GiB at once.
        """

@final
class Projection:
    """A compiled projection; immutable, may be shared by any number of decoders and threads.

    ``projection``: which lines are selected, and which of their fields; ``ValueError`` where it is invalid.
    """

    def __new__(cls, projection: Mapping[str, Any] | str) -> Projection: ...

@final
class JsonLines:
    """A push decoder of JSON lines: bytes in, batches out.

    ``projection``: a compiled one, or what :class:`Projection` takes.
    ``strict``: decode every line, also of other events, and defer lines with duplicate keys at any depth.
    ``max_line``: limit of a line in bytes, without its newline; at most 512 MiB, else ``ValueError``.
    ``instruction_set``: one of ``INSTRUCTION_SETS``; by default the best.

    Calls from several threads take turns.
    """

    def __new__(
        cls,
        projection: Projection | Mapping[str, Any] | str,
        *,
        strict: bool = False,
        max_line: int = ...,
        instruction_set: str | None = None,
    ) -> JsonLines: ...
    def feed(self, data: Buffer) -> Batches:
        """Take the next bytes and return the batches of all lines that are complete now.

        They must be drained before more is fed. Each is bounded as those of :class:`JsonLinesReader` are.
        """
    def finish(self) -> Batch:
        """End the stream and return a last line without newline. ``ValueError`` the second time."""

@final
class JsonLinesReader:
    """A pull decoder of JSON lines from a path or a file descriptor; gzip and zstd are detected from the content.

    A descriptor is duplicated, and read from where it stands. ``OSError`` if it cannot be opened, ``IsADirectoryError``
    for a directory. The other parameters are those of :class:`JsonLines`. Calls from several threads take turns;
    ``compression``, ``size`` and ``consumed`` never wait.
    """

    def __new__(
        cls,
        source: str | bytes | os.PathLike[str] | os.PathLike[bytes] | int,
        projection: Projection | Mapping[str, Any] | str,
        *,
        strict: bool = False,
        max_line: int = ...,
        instruction_set: str | None = None,
    ) -> JsonLinesReader: ...
    def next(self) -> Batch | None:
        """Read on and return the next batch; ``None`` at the end.

        A regular file gives batches of up to about 16,000 rows and deferred lines, 4 MiB of them or 32 MiB of input.
        Anything else gives a batch as soon as a line is a row or deferred. A batch without rows is no end: one comes
        when a signal handler ran without raising, and now and then from an idle source.

        ``StreamError`` or another ``OSError``, once, after all lines before it; then ``None``.
        """
    @property
    def compression(self) -> Literal["none", "gzip", "zstd"]:
        """The compression, detected from the content. Of a pipe, ``"none"`` until its first bytes have come."""
    @property
    def size(self) -> int | None:
        """Bytes of a regular file as it is stored; else ``None``."""
    @property
    def consumed(self) -> int:
        """Bytes read from the source so far, as they are stored."""
