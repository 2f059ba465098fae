"""From messages to the ones that go out: findings, and what could not be judged."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from illshell.formats.jsonl import jsonl
from illshell.model.position import Message as Place
from illshell.readers.json_values import decode_lines
from illshell.sources.kafka.messages import Messages, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from confluent_kafka import Message

    from illshell.detect.detector import Detector
    from illshell.detect.verdict import Verdict
    from illshell.model.finding import Finding
    from illshell.readers.segment import Segment

Headers = list[tuple[str, Any]]


class OutputMessage(NamedTuple):
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
    ``invalid_lines`` are no events, ``errors`` are judged events that a signature could not read;
    ``dead_letters`` are the messages that hold one of the two, ``given_up`` the batches that were
    not committed and read again.
    """

    messages: int = 0
    bytes: int = 0
    empty: int = 0
    judged: int = 0
    skipped: int = 0
    findings: int = 0
    invalid_lines: int = 0
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
    """Runs a detector on messages.

    ``dead_letter_topic``: None drops messages that hold an invalid line or an event that could not
    be judged. ``native``: which reader.
    """

    detector: Detector
    findings_topic: str
    dead_letter_topic: str | None
    native: bool

    def records(
        self, messages: Sequence[Message], counts: KafkaCounts, told: list[tuple[str, str]]
    ) -> Iterator[OutputMessage]:
        """Yield what goes out for messages, in their order.

        Adds to the counts, and to ``told`` the place of each invalid line and each event that could
        not be judged, with the reason.
        """
        counts.messages += len(messages)
        for part in split(messages):
            yield from self._records(part, counts, told)

    def _records(
        self, messages: Messages, counts: KafkaCounts, told: list[tuple[str, str]]
    ) -> Iterator[OutputMessage]:
        counts.bytes += len(messages.lines)
        counts.empty += messages.empty
        segments = decode_lines(
            messages.lines,
            self.detector.selection,
            position_of=messages.position_of,
            native=self.native,
        )
        bad: list[Verdict] = []
        for verdict in self._verdicts(segments, counts):
            if bad and messages.of(bad[0]) is not messages.of(verdict):
                yield from self._dead_letter(bad, messages.of(bad[0]), counts, told)
                bad.clear()
            if verdict.finding is not None:
                counts.findings += 1
                yield self._finding(verdict.finding, messages.of(verdict))
            else:
                counts.errors += verdict.signature is not None
                bad.append(verdict)
        if bad:
            yield from self._dead_letter(bad, messages.of(bad[0]), counts, told)

    def _verdicts(self, segments: Iterable[Segment], counts: KafkaCounts) -> Iterator[Verdict]:
        for segment in segments:
            counts.skipped += segment.skipped
            counts.judged += segment.selected
            counts.invalid_lines += segment.invalid
            yield from self.detector.segment(segment)

    def _finding(self, finding: Finding, message: Message) -> OutputMessage:
        headers = [
            ("content-type", b"application/json"),
            ("illshell.signature", finding.sig_metadata.id.encode()),
            *_origin(message),
        ]
        value = jsonl(finding).removesuffix(b"\n")
        return OutputMessage(
            self.findings_topic, finding.uid.encode(), value, headers, str(finding.position)
        )

    def _dead_letter(
        self,
        bad: Sequence[Verdict],
        message: Message,
        counts: KafkaCounts,
        told: list[tuple[str, str]],
    ) -> Iterator[OutputMessage]:
        told.extend((str(verdict.position), str(verdict.error)) for verdict in bad)
        counts.dead_letters += 1
        if self.dead_letter_topic is None:
            return
        headers = [*(message.headers() or []), *_origin(message)]
        for verdict in bad:
            assert isinstance(verdict.position, Place)
            headers.append(("illshell.reason", str(verdict.error).encode("utf-8", "replace")))
            headers.append(("illshell.line", str(verdict.position.line).encode()))
        yield OutputMessage(
            self.dead_letter_topic, message.key(), message.value(), headers, str(bad[0].position)
        )


def _origin(message: Message) -> Headers:
    return [
        ("illshell.topic", str(message.topic()).encode()),
        ("illshell.partition", str(message.partition()).encode()),
        ("illshell.offset", str(message.offset()).encode()),
    ]
