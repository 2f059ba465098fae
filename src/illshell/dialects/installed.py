"""Names of the dialects, found without reading their files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: Final = (
    "tracee",
    "tracee-v1beta1",
    "tracee-grpc",
    "tetragon",
    "falco",
    "elastic-defend",
    "auditbeat",
    "laurel",
    "ocsf",
)
"""The dialects of this package, in the order in which a line is tried."""

GROUP: Final = "illshell.dialects"


def others_may_add() -> bool:
    """Whether an installed package may add dialects.

    It is asked at every start, and importlib.metadata alone takes longer than a small scan.
    """
    return any(map(_may_add, sys.path))


def added_entry_points() -> list[EntryPoint]:
    """Return the entry points by which other packages add dialects, by name."""
    if not others_may_add():
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


def dialect_names() -> list[str]:
    """Return the names of all dialects, in the order in which a line is tried."""
    return [*BUILT_IN, *(entry.name for entry in added_entry_points())]


def _may_add(place: str) -> bool:
    """Whether a place on the import path may hold such a package."""
    try:
        folders = [entry.path for entry in os.scandir(place or ".") if entry.name.endswith("-info")]
    except NotADirectoryError:
        return True
    except OSError:
        return False
    for folder in folders:
        try:
            with open(f"{folder}/entry_points.txt", "rb") as file:  # noqa: PTH123 (pathlib is slow)
                if GROUP.encode() in file.read():
                    return True
        except OSError:
            continue
    return False
