"""A scan: from the segments of readers to findings and problems, in their order, counted."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, Self

from illshell.model.errors import StreamError
from illshell.model.event import Event
from illshell.model.position import ByteRange, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell.detect.detector import Detector
    from illshell.detect.verdict import Verdict
    from illshell.model.finding import Finding
    from illshell.model.position import Position
    from illshell.readers.segment import Reader, Segment


END_OF_INPUT: Final = "<end of input>"
"""What messages call the place of an error that a signature raises when the input is complete."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with a piece of the input: where, why, and the bytes where there are any.

    Of a columnar source ``line`` is the row as JSON.
    """

    position: Position
    reason: str
    line: bytes | None = None


@dataclass(slots=True)
class ScanCounts:
    """What a scan has seen: ``events`` are ``judged`` + ``skipped``; invalid lines are no events.

    ``bytes`` are of the decompressed input. ``errors`` are judged events that a signature could
    not read. ``broken`` sources could not be opened or read to their end. ``dialects``: how many
    judged events are written in which dialect, as far as readers tell dialects apart.
    """

    bytes: int = 0
    judged: int = 0
    skipped: int = 0
    invalid_lines: int = 0
    errors: int = 0
    findings: int = 0
    broken: int = 0
    dialects: Counter[str] = field(default_factory=Counter)

    @property
    def events(self) -> int:
        """All events of the input."""
        return self.judged + self.skipped

    def add_segment(self, segment: Segment) -> None:
        """Count the events and invalid lines of a segment, but not its bytes."""
        self.skipped += segment.skipped
        self.judged += segment.selected
        self.invalid_lines += segment.invalid
        self.dialects.update(segment.dialects)
        self.dialects.update(
            single.dialect for _, single in segment.singles if isinstance(single, Event)
        )

    def add_verdicts(self, verdicts: Iterable[Verdict]) -> None:
        """Count findings and errors; invalid lines are counted with their segment."""
        for verdict in verdicts:
            if verdict.finding is not None:
                self.findings += 1
            elif verdict.signature is not None:
                self.errors += 1

    def __add__(self, other: Self) -> Self:
        """Return the counts of two scans as of one."""
        return type(self)(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )


class Scan:
    """Hands the segments of sources to a detector; all sources are one stream to it.

    ``on_finding(finding)`` gets each finding in the order of the input; ``on_problem(problem)``
    each invalid line, each event that a signature could not judge, and each source that broke off.
    ``counts`` are of all sources; they are up to date when one of the two is called.
    Not thread-safe.
    """

    def __init__(
        self,
        detector: Detector,
        *,
        on_finding: Callable[[Finding], object],
        on_problem: Callable[[Problem], object],
    ) -> None:
        self.counts = ScanCounts()
        self.detector = detector
        self._on_finding = on_finding
        self._on_problem = on_problem
        self._before = 0  # bytes of the sources before this one

    def run(self, reader: Reader) -> None:
        """Read one source to its end."""
        try:
            for segment in reader.segments():
                self.segment(segment, reader.name)
        except (StreamError, OSError) as error:
            self.broken(reader.name, error)
        finally:
            reader.close()
        self.end_of_source()

    def segment(self, segment: Segment, source: str) -> None:
        """Process the next segment of a source."""
        self.counts.bytes = self._before + segment.end
        self.counts.add_segment(segment)
        self._hand_on(self.detector.segment(segment), source)

    def broken(self, source: str, error: OSError) -> None:
        """Count a source that broke off."""
        self.counts.broken += 1
        row = getattr(error, "row", None)
        offset = getattr(error, "offset", self.counts.bytes - self._before)
        position = ByteRange(source, offset, 0) if row is None else Row(source, row)
        reason = str(error) if isinstance(error, StreamError) else error.strerror or str(error)
        self._on_problem(Problem(position, reason))

    def end_of_source(self) -> int:
        """Return how many bytes the source had, and begin with another one."""
        size = self.counts.bytes - self._before
        self._before = self.counts.bytes
        return size

    def end_of_input(self) -> None:
        """Notify the signatures that the input is complete."""
        self._hand_on(self.detector.end_of_input(), END_OF_INPUT)

    def _hand_on(self, verdicts: list[Verdict], source: str) -> None:
        self.counts.add_verdicts(verdicts)
        for verdict in verdicts:
            if verdict.finding is not None:
                self._on_finding(verdict.finding)
            else:
                self._on_problem(_problem(verdict, source))


def _problem(verdict: Verdict, source: str) -> Problem:
    position = verdict.position or ByteRange(source, 0, 0)
    line = verdict.raw
    if line is None and isinstance(verdict.event, Event):
        line = json.dumps(verdict.event.payload, default=str).encode()
    return Problem(position, str(verdict.error), line)
