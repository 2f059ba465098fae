"""A scan: from readers through the engine to findings, in the order of the input, counted."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from illshell.detect.engine import Engine
from illshell.dialects.tracee_event import SOURCE
from illshell.model.errors import StreamError
from illshell.model.signature import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell.model.signature import Finding, Signature
    from illshell.readers.segment import Reader, Segment
    from illshell.sources.stop_flag import StopFlag

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong with a piece of the input: where, why, and the bytes where there are any.

    ``row`` says where in a columnar file, in place of ``offset``; ``line`` is then the row as JSON.
    """

    source: str
    offset: int
    reason: str
    line: bytes | None = None
    row: int | None = None


@dataclass(slots=True)
class ScanCounts:
    """What a scan has seen: ``events`` are ``judged`` + ``skipped``; bad lines are no events.

    ``bytes`` are of the decompressed input. ``errors`` are judged events that the rule could not
    read. ``broken`` sources could not be opened or read to their end.
    """

    bytes: int = 0
    judged: int = 0
    skipped: int = 0
    bad_lines: int = 0
    errors: int = 0
    findings: int = 0
    broken: int = 0

    @property
    def events(self) -> int:
        """All events of the input."""
        return self.judged + self.skipped

    def __add__(self, other: ScanCounts) -> ScanCounts:
        """Count two scans as one."""
        return ScanCounts(
            *(getattr(self, each.name) + getattr(other, each.name) for each in fields(self))
        )


class Scan:
    """Feeds readers to signatures.

    ``on_finding(finding)`` gets each finding in the order of the input; ``on_problem(problem)``
    each bad line, each event that a signature could not judge, and each source that broke off.
    ``on_progress(reader)`` is called when a segment is judged and counted, before what was found in
    it is handed on. ``stop`` ends the scan between segments. Not thread-safe: give each thread a
    scan of its own.
    """

    def __init__(
        self,
        signatures: Iterable[Signature],
        *,
        on_finding: Callable[[Finding], object],
        on_problem: Callable[[Problem], object],
        on_progress: Callable[[Reader], object] = lambda _reader: None,
        stop: StopFlag | None = None,
    ) -> None:
        self.counts = ScanCounts()
        self._on_finding = on_finding
        self._on_problem = on_problem
        self._on_progress = on_progress
        self._stop = stop
        self._found: list[Finding] = []
        self._problems: list[Problem] = []
        self.engine = Engine(signatures, callback=self._found.append, on_error=self._note_error)

    @property
    def event_names(self) -> list[str] | None:
        """The events that the signatures select, for the readers; None for all."""
        names = {selector.name: None for selector in self.engine.selectors}
        return None if "*" in names else list(names)

    def run(self, reader: Reader) -> None:
        """Read one source to its end, or to the stop."""
        before = self.counts.bytes
        try:
            for segment in reader.segments():
                self.counts.bytes = before + segment.end
                self._judge(reader, segment)
                if self._stop:
                    return
        except StreamError as error:
            self._broken(Problem(reader.name, error.offset, str(error), row=error.row))
        except OSError as error:
            reason = error.strerror or str(error)
            self._broken(Problem(reader.name, self.counts.bytes - before, reason))
        finally:
            reader.close()

    def finish(self) -> None:
        """Tell the signatures that the input is complete, unless it was stopped, and close them."""
        if not self._stop:
            self.engine.end_of_input(SOURCE)
        self.engine.close()

    def _judge(self, reader: Reader, segment: Segment) -> None:
        counts = self.counts
        counts.skipped += segment.skipped
        counts.judged += _judged(segment)
        self._problems.extend(
            Problem(reader.name, bad.offset, bad.reason, bad.line) for bad in segment.bad
        )
        counts.bad_lines += len(segment.bad)
        if segment.batch is not None:
            self.engine.dispatch_batch(segment.batch)
        for event in segment.events:
            self.engine.dispatch(event)
        counts.errors = self.engine.counts.errors
        counts.findings = self.engine.counts.detections
        self._on_progress(reader)
        self._hand_on(self._problems, self._on_problem, key=_place_of_problem)
        self._hand_on(self._found, self._on_finding, key=_place_of_finding)

    def _hand_on(
        self,
        items: list[Item],
        take: Callable[[Item], object],
        *,
        key: Callable[[Item], int],
    ) -> None:
        """Hand on what a segment gave in the order of the input, packed events and single ones."""
        items.sort(key=key)
        handed_on = items.copy()
        items.clear()
        for item in handed_on:
            take(item)

    def _note_error(self, _signature: Signature, event: Any, error: Exception) -> None:
        custom = event.headers.custom if isinstance(event, Event) else {}
        row = custom.get("row")
        line = custom.get("record") if row is None else json.dumps(event.payload).encode()
        self._problems.append(
            Problem(custom.get("source", ""), custom.get("offset", 0), str(error), line, row)
        )

    def _broken(self, problem: Problem) -> None:
        self.counts.broken += 1
        self._on_problem(problem)


def _judged(segment: Segment) -> int:
    if segment.judged is not None:
        return segment.judged
    return len(segment.events) + (0 if segment.batch is None else len(segment.batch))


def _place_of_problem(problem: Problem) -> int:
    return problem.offset if problem.row is None else problem.row


def _place_of_finding(finding: Finding) -> int:
    custom = finding.event.headers.custom
    place = custom.get("row", custom.get("offset", 0))
    assert isinstance(place, int)
    return place
