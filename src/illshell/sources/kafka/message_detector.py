"""From messages to the ones that go out: findings, and what could not be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from illshell.model.position import Message as MessagePosition
from illshell.sources.kafka.messages import split
from illshell.sources.kafka.output import DeadLetter, finding_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Message

    from illshell.detect.detector import Detector
    from illshell.detect.verdict import Verdict
    from illshell.sources.kafka.counts import KafkaCounts
    from illshell.sources.kafka.messages import Messages
    from illshell.sources.kafka.output import OutputMessage
    from illshell.sources.kafka.partition_detectors import Detectors

MAX_PROBLEMS: Final = 20
"""Problems of a batch that are kept to be reported; the others are counted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An invalid line or an event that could not be judged: where it is, and why."""

    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class MessageDetector:
    """Runs detectors on messages.

    ``dead_letter_topic``: None drops messages that hold an invalid line or an event that could not
    be judged. ``native``: which reader. ``limit_of(topic)``: bytes that a message into it may have.
    """

    detectors: Detectors
    findings_topic: str
    dead_letter_topic: str | None
    native: bool
    limit_of: Callable[[str], int]

    def outputs(
        self, messages: Sequence[Message], counts: KafkaCounts, problems: list[Problem]
    ) -> Iterator[OutputMessage]:
        """Yield what goes out for messages; those of a partition are judged in their order.

        Adds to the counts, and the first ``MAX_PROBLEMS`` of a batch to ``problems``.
        """
        counts.messages += len(messages)
        for detector, part in self.detectors.assigned(messages):
            for lines in split(part):
                counts.bytes += len(lines.lines)
                counts.empty += lines.empty
                yield from self._outputs(detector, lines, counts, problems)

    def _outputs(
        self, detector: Detector, lines: Messages, counts: KafkaCounts, problems: list[Problem]
    ) -> Iterator[OutputMessage]:
        letter: DeadLetter | None = None
        for segment in lines.segments(detector.selection, native=self.native):
            counts.add_segment(segment)
            verdicts = detector.segment(segment)
            counts.add_verdicts(verdicts)
            for verdict in verdicts:
                if verdict.finding is not None:
                    topic = self.findings_topic
                    yield finding_message(topic, verdict.finding, self.limit_of(topic))
                    continue
                _note(verdict, problems)
                if not isinstance(verdict.position, MessagePosition):
                    continue  # a signature that failed on a whole batch: there is no one message
                message = lines.message_at(verdict.position)
                if letter is None or letter.message is not message:
                    yield from self._dead(letter, counts)
                    letter = DeadLetter(message)
                letter.add(verdict)
        yield from self._dead(letter, counts)

    def _dead(self, letter: DeadLetter | None, counts: KafkaCounts) -> Iterator[OutputMessage]:
        if letter is not None:
            counts.dead_letters += 1
            topic = self.dead_letter_topic
            if topic is not None:
                yield letter.output(topic, self.limit_of(topic))


def _note(verdict: Verdict, problems: list[Problem]) -> None:
    if len(problems) < MAX_PROBLEMS:
        where = "a batch" if verdict.position is None else str(verdict.position)
        problems.append(Problem(where, str(verdict.error)))
