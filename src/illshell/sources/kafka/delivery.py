"""Records and offsets to Kafka: together in a transaction, or the one after the other."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException

from illshell.sources.kafka.failures import KafkaOutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from confluent_kafka import Consumer, Producer, TopicPartition

    from illshell.sources.kafka.judging import OutputMessage
    from illshell.sources.stop_flag import StopFlag

STEP: Final = 1.0
"""Seconds that a call may block, so that a signal is noticed."""

GRACE: Final = 20.0
"""Seconds after a signal within which the last batch must have been committed."""

FORGOTTEN: Final = 10.0
"""Seconds after which a group coordinator that has not answered will not."""


class Delivery(Protocol):
    """Stores the records of a batch and the offsets behind it."""

    def start(self) -> None:
        """Get ready; KafkaOutputError where that fails."""

    def deliver(
        self, records: Iterable[OutputMessage], offsets: Sequence[TopicPartition]
    ) -> str | None:
        """Store both and give None, or neither and give the reason: the batch is to be read again.

        KafkaOutputError where there is no use in that.
        """

    def close(self) -> None:
        """Give up what is under way."""


class StuckError(KafkaException):
    """A call that could be repeated has been repeated for too long."""


class Outbox:
    """A producer that is waited for when its queue is full, and no longer than a stop allows."""

    def __init__(self, producer: Producer, stop: StopFlag) -> None:
        self.producer = producer
        self._stop = stop
        self._give_up: float | None = None

    def put(self, record: OutputMessage, on_delivery: Callable[..., None] | None = None) -> None:
        """Queue a record."""
        while True:
            try:
                self.producer.produce(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    headers=record.headers,
                    on_delivery=on_delivery,
                )
            except BufferError:
                self.producer.poll(STEP)
                self.check_time("the producer's queue stays full")
            except KafkaException as failure:
                error = error_of(failure)
                if error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                size = len(record.value or b"")
                raise KafkaOutputError(
                    f"{record.origin}: what it gives has {size:,} bytes, more than "
                    f"message.max.bytes lets into {record.topic}"
                ) from None
            else:
                return

    def insist(self, call: Callable[[], object], patience: float = math.inf) -> None:
        """Make a call until it works or fails for good; StuckError after so many seconds."""
        give_up = time.monotonic() + patience
        while True:
            try:
                call()
            except KafkaException as failure:
                error = error_of(failure)
                if error.fatal() or error.txn_requires_abort() or not error.retriable():
                    raise
                self.check_time(error.str())
                if time.monotonic() > give_up:
                    raise StuckError(error) from None
            else:
                return

    def check_time(self, why: str) -> None:
        """Raise KafkaOutputError where a stop has waited long enough."""
        now = time.monotonic()
        if not self._stop:
            self._give_up = None
        elif self._give_up is None:
            self._give_up = now + GRACE
        elif now > self._give_up:
            raise KafkaOutputError(f"the last batch was not committed: {why}")


class Aside:
    """A call in a thread of its own, for one that may outlast the time it is given.

    librdkafka's send_offsets_to_transaction does where it waits for a group coordinator that has
    been restarted, and may never come back (its issues 5456 and 5511, seen with 2.16.0). The thread
    is left behind then, with the producer. ``silence``: what an answer that stays out means.
    """

    def __init__(self, call: Callable[[], object], silence: str) -> None:
        self._call = call
        self._silence = silence
        self._answer: Future[object] | None = None

    def __call__(self) -> object:
        """Wait for ``STEP``; what the call gives or raises, or an error that is worth a retry."""
        if self._answer is None:
            self._answer = Future()
            threading.Thread(target=self._run, args=[self._answer], daemon=True).start()
        try:
            answer = self._answer.result(STEP)
        except TimeoutError:
            slow = KafkaError(KafkaError._TIMED_OUT, self._silence, retriable=True)
            raise KafkaException(slow) from None
        except KafkaException:
            self._answer = None
            raise
        return answer

    def _run(self, answer: Future[object]) -> None:
        try:
            answer.set_result(self._call())
        except BaseException as failure:
            answer.set_exception(failure)


class ExactlyOnce:
    """One transaction a batch: its records and its offsets are there together or not at all.

    ``patience``: seconds after which the broker gives a transaction up, transaction.timeout.ms. A
    producer that took longer, for want of a broker that answers, is fenced or waits in vain: a new
    one takes its place. If another run with the same name was the reason, the group ends this one.
    """

    def __init__(
        self,
        consumer: Consumer,
        make_producer: Callable[[], Producer],
        stop: StopFlag,
        patience: float,
    ) -> None:
        self._consumer = consumer
        self._patience = patience
        self._make_producer = make_producer
        self._stop = stop
        self._outbox = Outbox(make_producer(), stop)
        self._is_open = False

    def start(self) -> None:
        """End what an earlier run with the same id left open."""
        producer = self._outbox.producer
        try:
            self._outbox.insist(lambda: producer.init_transactions(STEP))
        except KafkaException as failure:
            raise _output_error(failure) from None

    def deliver(
        self, records: Iterable[OutputMessage], offsets: Sequence[TopicPartition]
    ) -> str | None:
        """Commit both, or give both up."""
        producer, insist = self._outbox.producer, self._outbox.insist
        try:
            producer.begin_transaction()
            self._is_open = True
            for record in records:
                self._outbox.put(record)
            group = self._consumer.consumer_group_metadata()
            send = Aside(
                lambda: producer.send_offsets_to_transaction(list(offsets), group, STEP),
                "the group's coordinator does not answer",
            )
            insist(send, min(FORGOTTEN, self._patience))
            insist(lambda: producer.commit_transaction(STEP), self._patience)
        except KafkaException as failure:
            self._give_up(failure)
            return error_of(failure).str()
        self._is_open = False
        return None

    def close(self) -> None:
        """Give up an open transaction, if the broker answers."""
        if self._is_open:
            try:
                self._outbox.producer.abort_transaction(STEP)
            except KafkaException:
                return  # the broker gives it up by itself

    def _give_up(self, failure: KafkaException) -> None:
        producer = self._outbox.producer
        if not _is_beyond_repair(failure):
            try:
                self._outbox.insist(lambda: producer.abort_transaction(STEP), self._patience)
            except KafkaException as another:
                failure = another
        self._is_open = False
        if _is_beyond_repair(failure):
            producer.purge()
            self._outbox = Outbox(self._make_producer(), self._stop)
            self.start()


class AtLeastOnce:
    """Records first, then offsets: a batch whose offsets were not stored is delivered again."""

    def __init__(
        self,
        consumer: Consumer,
        producer: Producer,
        stop: StopFlag,
        report: Callable[[str], object],
    ) -> None:
        self._consumer = consumer
        self._producer = producer
        self._outbox = Outbox(producer, stop)
        self._report = report
        self._failed: KafkaError | None = None

    def start(self) -> None:
        """Nothing has to be made ready."""

    def deliver(
        self, records: Iterable[OutputMessage], offsets: Sequence[TopicPartition]
    ) -> str | None:
        """Produce, wait for the acknowledgements, then commit."""
        try:
            for record in records:
                self._outbox.put(record, self._delivered)
            while self._producer.flush(STEP):
                self._outbox.check_time("the brokers do not acknowledge the findings")
        except KafkaException as failure:
            raise _output_error(failure) from None
        if self._failed is not None:
            raise KafkaOutputError(f"findings were not stored: {self._failed.str()}")
        try:
            self._consumer.commit(offsets=list(offsets), asynchronous=False)
        except KafkaException as failure:
            # Whoever has the partitions after this one repeats the batch; the next commit of this
            # one stands for this commit too.
            self._report(f"offsets were not committed: {error_of(failure).str()}")
        return None

    def close(self) -> None:
        """Nothing is left under way."""

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._failed = error


def error_of(failure: KafkaException) -> KafkaError:
    """Give the error that an exception carries."""
    error = failure.args[0]
    assert isinstance(error, KafkaError)
    return error


def _output_error(failure: KafkaException) -> KafkaOutputError:
    return KafkaOutputError(error_of(failure).str())


def _is_beyond_repair(failure: KafkaException) -> bool:
    return isinstance(failure, StuckError) or error_of(failure).fatal()
