"""From messages to the records that go out: findings, and what could not be judged."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from illshell.detect.verdicts import Rule, judge_of
from illshell.formats.jsonl import jsonl
from illshell.model.signature import Event
from illshell.readers.json_values import decode_lines, with_custom
from illshell.sources.kafka.messages import Messages, Place, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from illshell.model.signature import Finding

Headers = list[tuple[str, Any]]


class Record(NamedTuple):
    """A message to produce; ``origin`` says in a text where it comes from."""

    topic: str
    key: Any
    value: Any
    headers: Headers
    origin: str


@dataclass(slots=True)
class KafkaCounts:
    """What was read and what came of it: of one batch, or of all that were committed.

    ``messages`` hold events; ``empty`` ones no value. ``events`` are ``judged`` + ``skipped``.
    ``bad_lines`` are no events, ``errors`` are judged events that the rule could not read;
    ``dead_letters`` are the messages that hold one of the two, ``given_up`` the batches that were
    not committed and read again.
    """

    messages: int = 0
    bytes: int = 0
    empty: int = 0
    judged: int = 0
    skipped: int = 0
    findings: int = 0
    bad_lines: int = 0
    errors: int = 0
    dead_letters: int = 0
    given_up: int = 0

    @property
    def events(self) -> int:
        """All events of the messages."""
        return self.judged + self.skipped

    def add(self, batch: KafkaCounts) -> None:
        """Take in what a batch gave."""
        for field in fields(batch):
            setattr(self, field.name, getattr(self, field.name) + getattr(batch, field.name))


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges messages.

    ``events``: the names of those to judge. ``dead_letter_topic``: None drops what is bad.
    ``native``: which reader.
    """

    events: tuple[str, ...]
    findings_topic: str
    dead_letter_topic: str | None
    native: bool

    def records(
        self, messages: Sequence[Message], counts: KafkaCounts, told: list[tuple[str, str]]
    ) -> Iterator[Record]:
        """Give what goes out for messages, in their order.

        Adds to the counts, and to ``told`` the place of each bad line and event with the reason.
        """
        counts.messages += len(messages)
        for part in split(messages):
            yield from self._records(part, counts, told)

    def _records(
        self, messages: Messages, counts: KafkaCounts, told: list[tuple[str, str]]
    ) -> Iterator[Record]:
        counts.bytes += len(messages.lines)
        counts.empty += messages.empty
        bad: list[tuple[Place, str]] = []
        for segment in decode_lines(messages.lines, self.events, native=self.native):
            counts.skipped += segment.skipped
            counts.judged += len(segment.events) + (len(segment.batch) if segment.batch else 0)
            reasons = {each.offset: each.reason for each in segment.bad}
            counts.bad_lines += len(reasons)
            verdicts = sorted(
                judge_of(Rule(self.events)).segment(segment), key=lambda verdict: verdict.place
            )
            for verdict in verdicts:
                place = messages.place(verdict.place)
                if bad and bad[0][0].message is not place.message:
                    yield from self._dead_letter(bad, counts, told)
                    bad.clear()
                if verdict.finding is not None:
                    counts.findings += 1
                    yield self._finding(verdict.finding, place)
                else:
                    counts.errors += verdict.place not in reasons
                    bad.append((place, reasons.get(verdict.place) or str(verdict.error)))
        if bad:
            yield from self._dead_letter(bad, counts, told)

    def _finding(self, finding: Finding, place: Place) -> Record:
        event, message = finding.event, place.message
        assert isinstance(event, Event)
        custom = {
            "topic": message.topic(),
            "partition": message.partition(),
            "offset": message.offset(),
            "line": place.line,
            "length": event.headers.custom["length"],
            "record": event.headers.custom["record"],
        }
        finding = replace(finding, event=with_custom(event, custom))
        headers = [
            ("content-type", b"application/json"),
            ("illshell.signature", finding.sig_metadata.id.encode()),
            *_origin(message),
        ]
        value = jsonl(finding).removesuffix(b"\n")
        return Record(self.findings_topic, finding.uid.encode(), value, headers, where(place))

    def _dead_letter(
        self,
        bad: Sequence[tuple[Place, str]],
        counts: KafkaCounts,
        told: list[tuple[str, str]],
    ) -> Iterator[Record]:
        told.extend((where(place), reason) for place, reason in bad)
        counts.dead_letters += 1
        if self.dead_letter_topic is None:
            return
        message = bad[0][0].message
        headers = [*(message.headers() or []), *_origin(message)]
        for place, reason in bad:
            headers.append(("illshell.reason", reason.encode("utf-8", "replace")))
            headers.append(("illshell.line", str(place.line).encode()))
        yield Record(
            self.dead_letter_topic, message.key(), message.value(), headers, where(bad[0][0])
        )


def where(place: Place) -> str:
    """Name a place for a person: topic, partition, offset, and the line if it isn't the first."""
    message = place.message
    named = f"{message.topic()}, partition {message.partition()}, offset {message.offset()}"
    return f"{named}, line {place.line}" if place.line else named


def _origin(message: Message) -> Headers:
    return [
        ("illshell.topic", str(message.topic()).encode()),
        ("illshell.partition", str(message.partition()).encode()),
        ("illshell.offset", str(message.offset()).encode()),
    ]
