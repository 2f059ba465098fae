"""Files, pipes, the files of a directory, and those that a pattern names."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from illshell.readers import open_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from illshell.readers.segment import Reader
    from illshell.readers.selection import Selection
    from illshell.sources.registry import ReadOptions

STDIN: Final = 0


@dataclass(frozen=True, slots=True)
class File:
    """A path, or ``-`` for stdin, and what messages and findings call it.

    ``fault``: why nothing can be read there, where that is known already; ``is_empty`` if that is
    because there is nothing.
    """

    path: str
    name: str
    fault: str | None = None
    is_empty: bool = False

    @staticmethod
    def of(path: str) -> File:
        """Return a source that is called as its user did."""
        return File(path, "<stdin>" if path == "-" else path)

    def status(self) -> os.stat_result | None:
        """Return what the system knows of the source; None where that is nothing."""
        return status_of(self.path, descriptor=STDIN)

    @property
    def size(self) -> int | None:
        """Bytes of a regular file, 0 of a directory that can't be read; None for anything else."""
        status = self.status()
        if status is not None and stat.S_ISREG(status.st_mode):
            return status.st_size
        return 0 if status is not None and stat.S_ISDIR(status.st_mode) else None

    @property
    def may_wait(self) -> bool:
        """Whether reading may wait for somebody to write, by the path."""
        status = None if self.path == "-" else self.status()
        return status is None or not stat.S_ISREG(status.st_mode)

    def open(self, selection: Selection, options: ReadOptions) -> Reader:
        """Open the source; the reader has a descriptor of its own, so that none stays open here."""
        descriptor = STDIN
        stop = options.stop
        stop.waiting = True  # a FIFO's open waits for a writer
        try:
            if self.path != "-":
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            stop.waiting = False
            return open_reader(
                descriptor,
                selection,
                name=self.name,
                strict=options.strict,
                stop=stop,
                native=options.native,
                threads=options.threads,
            )
        finally:
            stop.waiting = False
            if descriptor != STDIN:
                os.close(descriptor)


def status_of(path: str, *, descriptor: int) -> os.stat_result | None:
    """Return what the system knows of a path, or of the descriptor where the path is ``-``."""
    try:
        return os.fstat(descriptor) if path == "-" else Path(path).stat()
    except (OSError, ValueError):
        return None


def files_of(paths: Iterable[str]) -> list[File]:
    """Return the sources that paths name, in their order.

    A directory is all regular files in it and below it, in the order of their names; hidden ones
    are left out, links to directories are not followed. A path where nothing is, that holds ``*``,
    ``?`` or ``[``, is a pattern (``**`` goes any depth) and is what it matches, in order, once.
    """
    return [source for path in paths for source in _of_path(path)]


def _of_path(path: str) -> Iterable[File]:
    if path == "-" or not glob.has_magic(path) or os.path.lexists(path):
        return _of_file(path)
    found = [source for match in _matches(PurePath(path)) for source in _of_file(match)]
    return dict.fromkeys(found) or [File(path, path, "no file matches this pattern")]


def _matches(pattern: PurePath) -> list[str]:
    """Return what a pattern matches; unlike ``glob.glob``, it goes round in no circle of links."""
    base = Path(pattern.anchor)
    shown = set(pattern.parts)
    return sorted(
        str(match)
        for match in base.glob(str(pattern.relative_to(pattern.anchor)))
        if not any(part.startswith(".") and part not in shown for part in match.parts)
    )


def _of_file(path: str) -> Iterator[File]:
    if path == "-" or not Path(path).is_dir():
        yield File.of(path)
        return
    is_empty = True
    for source in _below(path):
        is_empty = False
        yield source
    if is_empty:
        yield File(path, path, "there is no file in this directory", is_empty=True)


def _below(directory: str) -> Iterator[File]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield File(directory, directory, error.strerror or str(error))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif _is_file(entry):
            yield File.of(entry.path)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle
        return False
