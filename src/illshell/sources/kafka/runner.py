"""The loop: poll, judge, deliver, until a signal or the end of the topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException, Message

from illshell.sources.kafka.batch import POLL_BYTES, Batch, first_offsets
from illshell.sources.kafka.clients import (
    make_admin,
    make_consumer,
    make_producer,
    make_snapshot_consumer,
    max_message_bytes,
    transaction_timeout,
)
from illshell.sources.kafka.connection_errors import ConnectionErrors, cause
from illshell.sources.kafka.counts import KafkaCounts
from illshell.sources.kafka.delivery import AtLeastOnce, Delivery, ExactlyOnce
from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError, SettingsError
from illshell.sources.kafka.message_detector import MessageDetector
from illshell.sources.kafka.partition_detectors import PartitionDetectors, SharedDetector
from illshell.sources.kafka.positions import Positions
from illshell.sources.kafka.producer import STEP, error_of
from illshell.sources.kafka.state import SnapshotReader
from illshell.sources.kafka.topic_limits import TopicLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import TopicMetadata  # type: ignore[attr-defined]

    from illshell.sources.kafka.message_detector import Problem
    from illshell.sources.kafka.options import KafkaOptions
    from illshell.sources.kafka.partition_detectors import Detectors
    from illshell.sources.stop_flag import StopFlag

BATCH_SECONDS: Final = 0.25
"""Seconds until a batch is committed as it is."""

MAX_BATCH_SECONDS: Final = 5.0
STATE_BYTES_PER_SECOND: Final = 16 << 20
"""A batch takes as long as its states are large, up to a limit: they are written with each."""

START_TIMEOUT: Final = 30.0
"""Seconds within which the brokers must answer at the start."""

TOPIC_TIMEOUT: Final = 3.0
"""Seconds within which a topic that is missing may be made by a broker that does so."""

MAX_ABORTS: Final = 10
"""Batches given up in a row until that is an error."""

FIRST_POLL: Final = 100
"""Messages of the first poll, whose size is not known."""

SLICE_BYTES: Final = 4 * POLL_BYTES
"""What is judged at a time of a poll that gave more than expected."""

_DENIED: Final = (
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)
_MISSING: Final = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)
_ENDS: Final = (*_DENIED, *_MISSING, KafkaError._AUTO_OFFSET_RESET, KafkaError._FATAL)


class KafkaRun:
    """One consumer of a group and its producer, in one thread.

    ``report(text)`` is called with warnings and errors that it outlives, ``on_problem(problem)``
    with the first events of a batch that could not be judged, ``on_progress(counts)`` after each
    batch. SettingsError where the options or the configuration file can't be used.
    """

    def __init__(
        self,
        options: KafkaOptions,
        stop: StopFlag,
        *,
        report: Callable[[str], object],
        on_problem: Callable[[Problem], object],
        on_progress: Callable[[KafkaCounts], object] = lambda _counts: None,
    ) -> None:
        self.counts = KafkaCounts()
        self._options = options
        self._stop = stop
        self._hide = options.settings.hide
        self._show = report
        self._on_problem = on_problem
        self._on_progress = on_progress
        self._errors = ConnectionErrors(self._report)
        self._fatal: KafkaError | None = None
        self._aborts = 0
        self._poll = FIRST_POLL
        self._polled: list[Message] = []
        self._limits = TopicLimits(max_message_bytes(options), {}, {})
        self._keeps_state = self._check_state()
        self._consumer = make_consumer(options, self._note_error, self._report)
        self._positions = Positions(self._consumer)

    def run(self) -> None:
        """Run until the stop, or to the end; KafkaInputError or KafkaOutputError where it breaks.

        The batch under way is finished and the group is left, in each case but a second signal.
        """
        delivery = self._delivery()
        try:
            partitions = self._wait_for_topics()
            if not self._stop:
                self._read_limits()
                if self._limits.max_batch is not None:
                    delivery = self._delivery()
                delivery.start()
                self._consume(delivery, partitions)
        except KafkaException as failure:
            raise KafkaInputError(self._hide(error_of(failure).str())) from None
        except (KafkaInputError, KafkaOutputError) as failure:
            raise type(failure)(self._hide(str(failure))) from None
        finally:
            delivery.close()
            self._consumer.close()

    def _report(self, text: str) -> None:
        self._show(self._hide(text))

    def _check_state(self) -> bool:
        """Return whether a signature keeps state; SettingsError where it has no topic."""
        with self._options.detector.make() as detector:
            is_stateful = detector.is_stateful
        if is_stateful and self._options.state_topic is None:
            raise SettingsError(
                "a signature keeps state: give --state-topic, a topic with cleanup.policy=compact"
            )
        return is_stateful

    def _delivery(self) -> Delivery:
        if self._options.at_least_once:
            return AtLeastOnce(self._consumer, self._make_producer(), self._stop, self._report)
        timeout = transaction_timeout(self._options)
        return ExactlyOnce(self._consumer, self._make_producer, self._stop, timeout)

    def _make_producer(self) -> Producer:
        return make_producer(
            self._options, self._note_producer_error, self._report, self._limits.max_batch
        )

    def _make_snapshot_consumer(self) -> Consumer:
        return make_snapshot_consumer(self._options, self._errors.note, self._report)

    def _consume(self, delivery: Delivery, partitions: dict[str, int]) -> None:
        detectors = self._detectors(partitions)
        positions = self._positions
        positions.on_revoked = detectors.forget
        try:
            self._consumer.subscribe(
                list(self._options.topics),
                on_assign=positions.on_assign,
                on_revoke=positions.on_revoke,
                on_lost=positions.on_revoke,
            )
            self._loop(delivery, detectors)
        finally:
            detectors.close()

    def _detectors(self, partitions: dict[str, int]) -> Detectors:
        options = self._options
        if not self._keeps_state:
            return SharedDetector(options.detector.make())
        topic = options.state_topic
        assert topic is not None
        return PartitionDetectors(
            options.detector.make,
            self._positions,
            SnapshotReader(self._make_snapshot_consumer),
            group=options.group,
            target=(topic, partitions[topic]),
            limit=self._limits.max_message(topic),
            report=self._report,
        )

    def _loop(self, delivery: Delivery, detectors: Detectors) -> None:
        options = self._options
        detector = MessageDetector(
            detectors,
            options.findings_topic,
            options.dead_letter_topic,
            options.native,
            self._limits.max_message,
        )
        while not self._stop:
            batch = Batch(detector)
            if not self._gather(batch):
                self._rewind(batch)
            elif batch:
                self._deliver(delivery, batch)
            elif options.exit_at_end and self._positions.is_at_end():
                return
            self._on_progress(self.counts)

    def _gather(self, batch: Batch) -> bool:
        """Poll and judge until a batch is full or has waited; False where partitions were revoked.

        Then some of it may be another consumer's.
        """
        self._positions.begin()
        for_state = batch.detectors.state_bytes / STATE_BYTES_PER_SECOND
        until = time.monotonic() + min(max(BATCH_SECONDS, for_state), MAX_BATCH_SECONDS)
        while not (batch.is_full or self._stop):
            self._poll_messages(max(0, until - time.monotonic()))
            if self._positions.was_revoked():
                return False
            messages = self._next_slice()
            if messages:
                batch.take(messages)
            if not messages or time.monotonic() >= until:
                break
            self._poll = batch.next_poll()
        return True

    def _poll_messages(self, seconds: float) -> None:
        """Poll, for as long at most where no messages are left of the last poll."""
        if self._polled:
            # One message more than is judged never adds up; the poll serves the group's callbacks.
            polled = self._consumer.consume(1, 0)
        else:
            polled = self._consumer.consume(self._poll, seconds)
        if any(map(Message.error, polled)):
            self._take_errors(polled)
            polled = [message for message in polled if message.error() is None]
        if self._fatal is not None:
            raise KafkaInputError(_why(self._fatal))
        self._polled += polled

    def _next_slice(self) -> Sequence[Message]:
        """Return the next messages to judge: all that are left, as a rule."""
        polled = self._polled
        size = sum(map(len, polled))
        if size <= SLICE_BYTES:
            self._polled = []
            return polled
        size = count = 0
        while count < len(polled) and (count == 0 or size + len(polled[count]) <= SLICE_BYTES):
            size += len(polled[count])
            count += 1
        self._polled = polled[count:]
        return polled[:count]

    def _deliver(self, delivery: Delivery, batch: Batch) -> None:
        batch.take_snapshots()
        reason = delivery.deliver(batch)
        if reason is not None:
            self._give_up(batch, reason)
            return
        self._aborts = 0
        self._positions.note_committed(batch.offsets())
        batch.note_committed()
        self.counts += batch.counts
        for problem in batch.problems:
            self._on_problem(problem)

    def _give_up(self, batch: Batch, reason: str) -> None:
        self.counts.given_up += 1
        self._aborts += 1
        if self._aborts > MAX_ABORTS:
            raise KafkaOutputError(f"the same batch was given up {self._aborts} times: {reason}")
        self._report(f"a batch was given up and is read again: {reason}")
        self._rewind(batch)
        time.sleep(min(0.05 * 2**self._aborts, 2))

    def _rewind(self, batch: Batch) -> None:
        """Go back to what is committed: offsets, and the states that belong to them."""
        firsts = {**first_offsets(self._polled), **batch.firsts}
        self._polled = []
        batch.detectors.forget(firsts)
        self._positions.rewind(firsts)

    def _take_errors(self, polled: Sequence[Message]) -> None:
        for message in polled:
            error = message.error()
            if error is None:
                continue
            if error.code() == KafkaError._PARTITION_EOF:
                self._positions.note_end(message)
            elif error.fatal() or error.code() in _ENDS:
                raise KafkaInputError(_why(error))
            else:
                self._errors.note(error)

    def _note_producer_error(self, error: KafkaError) -> None:
        """Report an error of the producer; a fatal one is raised in the delivery as well."""
        if not _is_fatal(error):
            self._errors.note(error)

    def _note_error(self, error: KafkaError) -> None:
        """Report an error of the consumer, or keep a fatal one; called within polls."""
        if _is_fatal(error):
            self._fatal = error
        else:
            self._errors.note(error)

    def _wait_for_topics(self) -> dict[str, int]:
        """Return how many partitions topics have; an error names one that is missing."""
        options = self._options
        topics = [(topic, KafkaInputError) for topic in options.topics if not topic.startswith("^")]
        outputs = [(topic, KafkaOutputError) for topic in self._output_topics()]
        started = time.monotonic()
        partitions = {}
        for topic, failure in [*topics, *outputs]:
            while not self._stop:
                found = self._topic(topic)
                if not isinstance(found, KafkaError):
                    partitions[topic] = len(found.partitions)
                    break
                waited = time.monotonic() - started
                code = found.code()
                if (
                    code in _DENIED
                    or waited > START_TIMEOUT
                    or (code in _MISSING and waited > TOPIC_TIMEOUT)
                ):
                    raise failure(f"topic {topic}: {cause(found)}")
                time.sleep(0.1)
        return partitions

    def _output_topics(self) -> list[str]:
        options = self._options
        state = options.state_topic if self._keeps_state else None
        topics = (options.findings_topic, options.dead_letter_topic, state)
        return [topic for topic in topics if topic is not None]

    def _topic(self, topic: str) -> TopicMetadata | KafkaError:
        try:
            known = self._consumer.list_topics(topic, timeout=STEP)
        except KafkaException as failure:
            self._consumer.consume(1, 0)  # so that it reports its errors; it has no topics yet
            # What a connection died of says more than that there is none.
            return self._errors.last or error_of(failure)
        found: TopicMetadata = known.topics[topic]
        return found.error or found

    def _read_limits(self) -> None:
        """Ask what the topics take that messages go into."""
        admin = make_admin(self._options, self._errors.note, self._report)
        topics = self._output_topics()
        self._limits = TopicLimits.read(admin, topics, max_message_bytes(self._options))
        if self._keeps_state:
            assert self._options.state_topic is not None
            warning = self._limits.check_state_topic(self._options.state_topic)
            if warning is not None:
                self._report(warning)


def _is_fatal(error: KafkaError) -> bool:
    return error.fatal() or error.code() == KafkaError._FATAL


def _why(error: KafkaError) -> str:
    """Return what ended the consumer; to be fenced can have two causes that look alike."""
    if "fenced" not in error.str():
        return error.str()
    return (
        f"{error.str()}; another one with the same --instance has started, or no broker answered "
        "for longer than session.timeout.ms: then start it again"
    )
