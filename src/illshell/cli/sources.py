"""What a scan reads: files, pipes, the files of a directory, and those that a pattern names."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN: Final = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A path, or ``-`` for stdin, and what messages and findings call it.

    ``fault``: why nothing can be read there, where that is known already; ``is_empty`` if that is
    because there is nothing.
    """

    path: str
    name: str
    fault: str | None = None
    is_empty: bool = False

    @staticmethod
    def of(path: str) -> Source:
        """Name a source as its user did."""
        return Source(path, "<stdin>" if path == "-" else path)

    def status(self) -> os.stat_result | None:
        """Give what the system knows of the source; None where that is nothing."""
        return status_of(self.path, descriptor=STDIN)

    def is_regular_file(self) -> bool:
        """Say whether it is a file that waits for nobody, by its path."""
        status = None if self.path == "-" else self.status()
        return status is not None and stat.S_ISREG(status.st_mode)


def status_of(path: str, *, descriptor: int) -> os.stat_result | None:
    """Give what the system knows of a path, or of the descriptor where the path is ``-``."""
    try:
        return os.fstat(descriptor) if path == "-" else Path(path).stat()
    except (OSError, ValueError):
        return None


def expanded(paths: Iterable[str]) -> list[Source]:
    """Give the sources that paths name, in their order.

    A directory is all regular files in it and below it, in the order of their names; hidden ones
    are left out, links to directories are not followed. A path where nothing is, that holds ``*``,
    ``?`` or ``[``, is a pattern (``**`` goes any depth) and is what it matches, in order, once.
    """
    return [source for path in paths for source in _of_path(path)]


def _of_path(path: str) -> Iterable[Source]:
    if path == "-" or not glob.has_magic(path) or os.path.lexists(path):
        return _of_file(path)
    found = [source for match in _matches(PurePath(path)) for source in _of_file(match)]
    return dict.fromkeys(found) or [Source(path, path, "no file matches this pattern")]


def _matches(pattern: PurePath) -> list[str]:
    """Give what a pattern matches; unlike ``glob.glob``, it goes round in no circle of links."""
    base = Path(pattern.anchor)
    shown = set(pattern.parts)
    return sorted(
        str(match)
        for match in base.glob(str(pattern.relative_to(pattern.anchor)))
        if not any(part.startswith(".") and part not in shown for part in match.parts)
    )


def _of_file(path: str) -> Iterator[Source]:
    if path == "-" or not Path(path).is_dir():
        yield Source.of(path)
        return
    is_empty = True
    for source in _below(path):
        is_empty = False
        yield source
    if is_empty:
        yield Source(path, path, "there is no file in this directory", is_empty=True)


def _below(directory: str) -> Iterator[Source]:
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield Source(directory, directory, error.strerror or str(error))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif _is_file(entry):
            yield Source.of(entry.path)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle
        return False
