"""What a reader gives: stretches of the input, decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from illshell.batch.event_batch import EventBatch
    from illshell.model.signature import Event


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no event, why, and where: bytes of the decompressed stream.

    ``line`` holds at most the limit of a line.
    """

    offset: int
    reason: str
    line: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the input: every line that is not blank, or row, is counted in it exactly once.

    ``batch``: events that the reader packed. ``events``: ones that it decoded singly, in order.
    ``skipped``: how many have a name that nobody wants. ``bad``: the lines that are no event.
    ``end``: the byte of the decompressed stream up to which all has been given. ``judged``: how
    many events were wanted, where the reader has itself told hits and errors from others and
    ``batch`` is not all of them; None where they are ``batch`` and ``events``.
    """

    batch: EventBatch | None
    events: Sequence[Event]
    skipped: int
    bad: Sequence[BadLine]
    end: int
    judged: int | None = None


class Reader(Protocol):
    """Reads one source from its start to its end."""

    name: str
    """What messages call the source: a path, or ``<stdin>``."""

    size: int | None
    """Bytes of a regular file as it lies on disk, else None."""

    @property
    def consumed(self) -> int:
        """Bytes of the source read so far, as they lie on disk: of ``size``."""

    def segments(self) -> Iterator[Segment]:
        """Give the input piece by piece; StreamError where it breaks off, after all before it."""

    def close(self) -> None:
        """Let go of the source."""
