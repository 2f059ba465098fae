"""What the rule says of events for the engines that host it: findings, and events it can't judge.

No event costs another one: whatever goes wrong with it is its own verdict.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from illshell._fastmatch import Matcher
from illshell.model.errors import IllshellError, InvalidEventError
from illshell.model.rule import several
from illshell.model.signature import Finding
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS
from illshell.signatures.illegitimate_shell.rule import illegitimate_shell_rule
from illshell.signatures.illegitimate_shell.signature import IllegitimateShell, RowErrors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from illshell.batch.event_batch import EventBatch
    from illshell.readers.segment import Segment


@dataclass(frozen=True, slots=True)
class Rule:
    """Which events are judged, by which names; the defaults are Tracee's, of all its releases.

    Picklable, so that it can travel to where the events are.
    """

    events: tuple[str, ...] = EVENTS
    web_servers: tuple[str, ...] = WEB_SERVERS
    shells: tuple[str, ...] = SHELLS

    @staticmethod
    def of(events: Iterable[str], web_servers: Iterable[str], shells: Iterable[str]) -> Rule:
        """Return the rule for these names; TypeError for one str in place of several."""
        return Rule(
            several("events", events),
            several("web_servers", web_servers),
            several("shells", shells),
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding, or the error of an event that could not be judged.

    ``place``: the row of a batch, or the offset in a segment. ``event``: what the error is about,
    where it could be decoded. ``record``: the event's own bytes, where there are any.
    """

    place: int
    finding: Finding | None = None
    error: Exception | None = None
    event: Any = None
    record: bytes | None = None


@cache
def judge_of(rule: Rule) -> Judge:
    """Give the judge of a rule, made once."""
    return Judge(rule)


class Judge:
    """Gives verdicts on events, packed and single; those that don't match get none.

    Thread-safe.
    """

    def __init__(self, rule: Rule) -> None:
        self.events = rule.events
        self._signature = IllegitimateShell(
            rule.events, web_servers=rule.web_servers, shells=rule.shells
        )
        self._matcher = Matcher(
            illegitimate_shell_rule(rule.events, web_servers=rule.web_servers, shells=rule.shells)
        )

    def event(self, event: Any, place: int = 0) -> Iterator[Verdict]:
        """Judge one event: an Event or its payload."""
        try:
            if self._signature.matches(event):
                yield Verdict(place, Finding(self._signature.get_metadata(), event))
        except IllshellError as error:
            yield Verdict(place, error=error, event=event)

    def batch(self, batch: EventBatch) -> Iterator[Verdict]:
        """Judge packed events in place; ColumnError where the buffers are damaged."""
        hits, errors = batch.judge(self._matcher)
        for row in hits:
            try:
                finding = Finding(self._signature.get_metadata(), batch.event(row))
            except (IllshellError, ValueError, RecursionError) as error:
                yield Verdict(row, error=error, record=_record(batch, row))
            else:
                yield Verdict(row, finding, record=_record(batch, row))
        reasons = RowErrors(self._signature, batch, errors)
        for index, row in enumerate(errors):
            try:
                _, reason = reasons[index]
                event = batch.event(row)
            except (IllshellError, ValueError, RecursionError) as error:
                yield Verdict(row, error=error, record=_record(batch, row))
            else:
                yield Verdict(row, error=reason, event=event, record=_record(batch, row))

    def segment(self, segment: Segment) -> Iterator[Verdict]:
        """Judge what a reader gave, its bad lines too: in no order, placed by their offsets."""
        batch = segment.batch
        if batch is not None:
            assert batch.custom is not None
            for verdict in self.batch(batch):
                yield replace(verdict, place=batch.custom(verdict.place)["offset"])
        for event in segment.events:
            custom = event.headers.custom
            for verdict in self.event(event, custom["offset"]):
                yield replace(verdict, record=custom["record"])
        for bad in segment.bad:
            yield Verdict(bad.offset, error=InvalidEventError(bad.reason), record=bad.line)


def _record(batch: EventBatch, row: int) -> bytes | None:
    return None if batch.record is None else batch.record[row]
