"""The loop: poll, judge, deliver, until a signal or the end of the topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException, Message

from illshell.sources.kafka.batch import POLL_MESSAGES, Batch
from illshell.sources.kafka.clients import make_consumer, make_producer, transaction_timeout
from illshell.sources.kafka.delivery import STEP, AtLeastOnce, Delivery, ExactlyOnce, error_of
from illshell.sources.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.sources.kafka.judging import Judging, KafkaCounts
from illshell.sources.kafka.positions import Positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Producer

    from illshell.sources.kafka.options import KafkaOptions
    from illshell.sources.stop_flag import StopFlag

WAIT: Final = 0.25
"""Seconds until a batch is taken as it is."""

STARTING: Final = 30.0
"""Seconds within which the brokers must answer at the start."""

CREATING: Final = 3.0
"""Seconds within which a topic that is not there may be made by a broker that does so."""

MOST_ABORTS: Final = 10
"""Batches given up in a row until that is an error."""

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

    ``report(text)`` takes what a person should know, ``on_bad(place, reason)`` each event that
    could not be judged, ``on_progress(counts)`` is called after each poll. SettingsError where the
    configuration file does not fit.
    """

    def __init__(
        self,
        options: KafkaOptions,
        stop: StopFlag,
        *,
        report: Callable[[str], object],
        on_bad: Callable[[str, str], object],
        on_progress: Callable[[KafkaCounts], object] = lambda _counts: None,
    ) -> None:
        self.counts = KafkaCounts()
        self._options = options
        self._stop = stop
        self._hide = options.settings.hide
        self._tell = report
        self._on_bad = on_bad
        self._on_progress = on_progress
        self._last_error: KafkaError | None = None
        self._fatal: KafkaError | None = None
        self._aborts = 0
        self._poll = POLL_MESSAGES // 10
        self._consumer = make_consumer(options, self._note_error, self._report)
        self._positions = Positions(self._consumer)
        self._judging = Judging(
            options.detector.make(),
            options.findings_topic,
            options.dead_letter_topic,
            options.native,
        )

    def run(self) -> None:
        """Run until the stop, or to the end; KafkaInputError or KafkaOutputError where it breaks.

        The batch under way is finished and the group is left, in each case but a second signal.
        """
        delivery = self._delivery()
        try:
            self._wait_for_topics()
            if not self._stop:
                delivery.start()
                self._subscribe()
                self._loop(delivery)
        except KafkaException as failure:
            raise KafkaInputError(self._hide(error_of(failure).str())) from None
        except (KafkaInputError, KafkaOutputError) as failure:
            raise type(failure)(self._hide(str(failure))) from None
        finally:
            delivery.close()
            self._consumer.close()

    def _report(self, text: str) -> None:
        self._tell(self._hide(text))

    def _delivery(self) -> Delivery:
        if self._options.at_least_once:
            return AtLeastOnce(self._consumer, self._make_producer(), self._stop, self._report)
        patience = transaction_timeout(self._options)
        return ExactlyOnce(self._consumer, self._make_producer, self._stop, patience)

    def _make_producer(self) -> Producer:
        return make_producer(self._options, self._note_producer_error, self._report)

    def _subscribe(self) -> None:
        positions = self._positions
        self._consumer.subscribe(
            list(self._options.topics),
            on_assign=positions.on_assign,
            on_revoke=positions.on_revoke,
            on_lost=positions.on_revoke,
        )

    def _loop(self, delivery: Delivery) -> None:
        while not self._stop:
            batch = self._gather()
            if batch:
                self._deliver(delivery, batch)
            elif self._options.exit_at_end and self._positions.is_at_end():
                return
            self._on_progress(self.counts)

    def _gather(self) -> Batch:
        """Poll and judge until a batch is full or has waited; empty where partitions went."""
        batch = Batch(self._judging)
        self._positions.begin()
        until = time.monotonic() + WAIT
        while not (batch.is_full or self._stop):
            polled = self._consumer.consume(self._poll, max(0, until - time.monotonic()))
            messages = polled
            if any(map(Message.error, polled)):
                messages = [message for message in polled if message.error() is None]
                self._take_errors(polled)
            if self._fatal is not None:
                raise KafkaInputError(_why(self._fatal))
            gone = self._positions.went()
            if messages:
                batch.take(messages, judge=not gone)
            if gone:
                self._positions.rewind(batch.firsts)
                return Batch(self._judging)
            if not messages or time.monotonic() >= until:
                break
            self._poll = batch.next_poll()
        return batch

    def _deliver(self, delivery: Delivery, batch: Batch) -> None:
        offsets = batch.offsets
        given_up = delivery.deliver(batch.records, offsets)
        if given_up is not None:
            self._give_up(batch, given_up)
            return
        self._aborts = 0
        self._positions.note_committed(offsets)
        self.counts.add(batch.counts)
        for place, reason in batch.bad:
            self._on_bad(place, reason)

    def _give_up(self, batch: Batch, reason: str) -> None:
        self.counts.given_up += 1
        self._aborts += 1
        if self._aborts > MOST_ABORTS:
            raise KafkaOutputError(f"the same batch was given up {self._aborts} times: {reason}")
        self._report(f"a batch was given up and is read again: {reason}")
        self._positions.rewind(batch.firsts)
        time.sleep(min(0.05 * 2**self._aborts, 2))

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
                self._note_error(error)

    def _note_producer_error(self, error: KafkaError) -> None:
        """Take what the producer says: what ends it comes to the delivery as well."""
        if not _is_fatal(error):
            self._note_error(error)

    def _note_error(self, error: KafkaError) -> None:
        """Take what a client says of its connections; called within polls and other calls."""
        if _is_fatal(error):
            self._fatal = error
        elif self._last_error is None or self._last_error.str() != error.str():
            self._report(error.str())
        self._last_error = error

    def _wait_for_topics(self) -> None:
        """See that the topics are there; a failure names what is not."""
        options = self._options
        topics = [(topic, KafkaInputError) for topic in options.topics if not topic.startswith("^")]
        outputs = filter(None, (options.findings_topic, options.dead_letter_topic))
        started = time.monotonic()
        for topic, failure in [*topics, *((topic, KafkaOutputError) for topic in outputs)]:
            while not self._stop:
                error = self._error_of_topic(topic)
                if error is None:
                    break
                waited = time.monotonic() - started
                code = error.code()
                if code in _DENIED or waited > STARTING or (code in _MISSING and waited > CREATING):
                    raise failure(f"topic {topic}: {error.str()}")
                time.sleep(0.1)

    def _error_of_topic(self, topic: str) -> KafkaError | None:
        try:
            known = self._consumer.list_topics(topic, timeout=STEP)
        except KafkaException as failure:
            self._consumer.consume(1, 0)  # so that it tells its errors; it has no topics yet
            # What a connection died of says more than that there is none.
            return self._last_error or error_of(failure)
        error: KafkaError | None = known.topics[topic].error
        return error


def _is_fatal(error: KafkaError) -> bool:
    return error.fatal() or error.code() == KafkaError._FATAL


def _why(error: KafkaError) -> str:
    """Say what ended the consumer; to be fenced can have two causes that look alike."""
    if "fenced" not in error.str():
        return error.str()
    return (
        f"{error.str()}; another one with the same --instance has started, or no broker answered "
        "for longer than session.timeout.ms: then start it again"
    )
