"""Readers: from the bytes of a source to packed or decoded events.

The fast reader is illshell-ingest; where that is not installed, its reference in Python is used.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from illshell._version import __version__
from illshell.model.errors import VersionMismatchError
from illshell.readers.sniff import columnar_kind

if TYPE_CHECKING:
    from illshell.readers.segment import Reader
    from illshell.readers.selection import Selection
    from illshell.sources.stop_flag import StopFlag


@cache
def has_native() -> bool:
    """Whether the fast reader is installed; VersionMismatchError if in another version."""
    try:
        import illshell_ingest
    except ModuleNotFoundError as error:
        if error.name != "illshell_ingest":
            raise
        return False
    if illshell_ingest.__version__ != __version__:
        raise VersionMismatchError(
            f"illshell {__version__} needs illshell-ingest {__version__}, and "
            f"{illshell_ingest.__version__} is installed: "
            f"pip install illshell-ingest=={__version__}"
        )
    return True


def describe_reader() -> str:
    """Return in a line which reader is in use."""
    if has_native():
        return f"illshell-ingest {__version__} (Rust)"
    return "plain Python (illshell-ingest is not installed; it reads many times faster)"


def open_reader(
    source: str | int,
    selection: Selection,
    *,
    name: str | None = None,
    strict: bool = False,
    stop: StopFlag | None = None,
    native: bool | None = None,
    threads: int = 1,
) -> Reader:
    """Open a path or file descriptor: Tracee's JSON lines, or events in columns, by its content.

    JSON lines may be plain, gzip or zstd. Columns come as Parquet or Arrow IPC in a regular file.
    ``selection``: what the signatures need. ``strict``: decode, and so validate, every line, and
    refuse duplicate keys. ``native``: which reader of JSON lines; None takes the fast one if it is
    there. ``threads``: for columnar files. OSError where the source can't be opened; ColumnError or
    MissingExtraError where its columns can't be read.
    """
    name = name or (source if isinstance(source, str) else f"<descriptor {source}>")
    kind = columnar_kind(source)
    if kind is not None:
        from illshell.readers.columnar.reader import ColumnarReader

        return ColumnarReader(source, kind, selection, name=name, threads=threads)
    if has_native() if native is None else native:
        from illshell.readers.json_lines.native import NativeReader

        return NativeReader(source, selection, name=name, strict=strict)
    from illshell.readers.json_lines.python import PlainReader

    return PlainReader(source, selection, name=name, strict=strict, stop=stop)
