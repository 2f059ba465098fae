"""What a reader returns: stretches of the input, decoded, in the order of the input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from illshell.batch.event_batch import Batch
    from illshell.model.event import Event
    from illshell.model.position import Position


ROW_BYTES: Final = 1024
"""Memory that a packed or single event is taken to hold, besides the bytes of a single one."""


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line that is no event, where it is and why.

    ``line`` holds at most the limit of a line.
    """

    position: Position | None
    reason: str
    line: bytes


Single: TypeAlias = "tuple[int, Event | InvalidLine]"
"""A line that was decoded by itself, after the packed row before which it stands in the input."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the input: every line that is not blank, or row, is counted in it exactly once.

    ``batch``: events that the reader packed. ``singles``: lines that it decoded by themselves, in
    order, each with the index of the packed row before which it stands. ``skipped``: how many
    events have a name that no signature selects. ``end``: the byte of the decompressed stream up to
    which all was returned. ``judged``: how many events were selected, where the reader has left out
    packed rows that no signature needs to see; None where there are no others than those here.
    ``dialects``: how many packed rows are of which dialect, where the reader knows more than one.
    """

    batch: Batch | None
    singles: Sequence[Single]
    skipped: int
    end: int
    judged: int | None = None
    dialects: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds."""
        lines = sum(
            len((single.line if isinstance(single, InvalidLine) else single.headers.raw) or b"")
            for _, single in self.singles
        )
        return lines + ROW_BYTES * (self.packed + len(self.singles))

    @property
    def packed(self) -> int:
        """How many events are packed."""
        return 0 if self.batch is None else len(self.batch)

    @property
    def invalid(self) -> int:
        """How many lines are no events."""
        return sum(isinstance(single, InvalidLine) for _, single in self.singles)

    @property
    def selected(self) -> int:
        """How many events are selected by a signature."""
        if self.judged is not None:
            return self.judged
        return self.packed + len(self.singles) - self.invalid


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
        """Yield the input piece by piece; StreamError where it breaks off, after all before it."""

    def close(self) -> None:
        """Release the source."""
