"""Sources: what opens a reader, and those that can be chosen by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from illshell.model.registry import Registry
from illshell.sources.stop_flag import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell.readers.segment import Reader
    from illshell.readers.selection import Selection


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read.

    ``strict``: validate every line, and refuse duplicate keys. ``native``: which reader of JSON
    lines; None takes the fast one if it is there. ``threads``: for one source. ``stop``: set by a
    signal; a call that may wait without end sets ``stop.waiting`` meanwhile.
    """

    strict: bool = False
    native: bool | None = None
    threads: int = 1
    stop: StopFlag = field(default_factory=StopFlag)


class Source(Protocol):
    """Where events come from.

    ``name``: what messages and positions call it. ``fault``: why nothing can be read there, None
    where that is not known yet; ``is_empty`` if that is because there is nothing. ``size``: bytes
    that will be read, None where that can't be known. ``may_wait``: whether reading may wait for
    somebody to write, so that other sources should not be kept waiting by it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def fault(self) -> str | None: ...  # noqa: D102
    @property
    def is_empty(self) -> bool: ...  # noqa: D102
    @property
    def size(self) -> int | None: ...  # noqa: D102
    @property
    def may_wait(self) -> bool: ...  # noqa: D102

    def open(self, selection: Selection, options: ReadOptions) -> Reader:
        """Return a reader; OSError, or an error of illshell, where the source can't be opened."""


SOURCES: Final = Registry(
    "source",
    "illshell.sources",
    {"file": "illshell.sources.files:File.of"},
)
"""Each is a callable that returns the source of an argument; ``illshell scan NAME:ARGUMENT``."""


def sources_of(arguments: Iterable[str]) -> list[Source]:
    """Return the sources that a command line names, in their order.

    ``NAME:ARGUMENT`` is a registered source, unless a file is called so; anything else is a path.
    """
    from pathlib import Path

    from illshell.sources.files import files_of

    sources: list[Source] = []
    for argument in arguments:
        name, colon, rest = argument.partition(":")
        if colon and not Path(argument).exists() and name in SOURCES.names():
            make: Callable[[str], Source] = SOURCES.get(name)
            sources.append(make(rest))
        else:
            sources.extend(files_of([argument]))
    return sources
