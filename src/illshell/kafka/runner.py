"""The loop: poll, judge, deliver, until a signal or the end of the topics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException

from illshell.kafka.clients import make_consumer, make_producer, transaction_timeout
from illshell.kafka.delivery import STEP, AtLeastOnce, Delivery, ExactlyOnce, error_of
from illshell.kafka.failures import KafkaInputError, KafkaOutputError
from illshell.kafka.judging import Judging, KafkaCounts
from illshell.kafka.positions import Positions, offsets_behind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from confluent_kafka import Message, Producer

    from illshell.interrupt import StopFlag
    from illshell.kafka.options import KafkaOptions

WAIT: Final = 0.25
"""Seconds until a batch is taken as it is."""

MOST_MESSAGES: Final = 10_000
MOST_BYTES: Final = 16 << 20
"""A batch has at most so many messages, and about so many bytes, as long as their sizes last."""

FIRST_MESSAGES: Final = 500

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
        self._bad: list[tuple[str, str]] = []
        self._last_error: KafkaError | None = None
        self._fatal: KafkaError | None = None
        self._aborts = 0
        self._consumer = make_consumer(options, self._note_error, self._report)
        self._positions = Positions(self._consumer)
        self._judging = Judging(
            options.events,
            options.findings_topic,
            options.dead_letter_topic,
            lambda place, reason: self._bad.append((place, reason)),
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
        size = FIRST_MESSAGES
        while not self._stop:
            self._positions.before_poll()
            polled = self._consumer.consume(size, WAIT)
            messages = [message for message in polled if message.error() is None]
            if len(messages) < len(polled):
                self._take_errors(polled)
            if self._fatal is not None:
                raise KafkaInputError(self._fatal.str())
            if not messages:
                if self._options.exit_at_end and self._positions.is_at_end():
                    return
            elif self._positions.went():
                self._positions.rewind(messages)
            else:
                size = min(MOST_MESSAGES, 4 * size, self._deliver(delivery, messages))
            self._on_progress(self.counts)

    def _deliver(self, delivery: Delivery, messages: Sequence[Message]) -> int:
        """Judge and deliver a batch; give how many messages like these make one of full size."""
        offsets = offsets_behind(messages)
        batch = KafkaCounts()
        self._bad.clear()
        given_up = delivery.deliver(self._judging.records(messages, batch), offsets)
        if given_up is not None:
            self._give_up(messages, given_up)
            return FIRST_MESSAGES
        self._aborts = 0
        self._positions.note_committed(offsets)
        self.counts.add(batch)
        for place, reason in self._bad:
            self._on_bad(place, reason)
        return max(1, MOST_BYTES * len(messages) // max(1, batch.bytes))

    def _give_up(self, messages: Sequence[Message], reason: str) -> None:
        self.counts.given_up += 1
        self._aborts += 1
        if self._aborts > MOST_ABORTS:
            raise KafkaOutputError(f"the same batch was given up {self._aborts} times: {reason}")
        self._report(f"a batch was given up and is read again: {reason}")
        self._positions.rewind(messages)
        time.sleep(min(0.05 * 2**self._aborts, 2))

    def _take_errors(self, polled: Sequence[Message]) -> None:
        for message in polled:
            error = message.error()
            if error is None:
                continue
            if error.code() == KafkaError._PARTITION_EOF:
                self._positions.note_end(message)
            elif error.fatal() or error.code() in _ENDS:
                raise KafkaInputError(error.str())
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
