"""Findings, states and offsets to Kafka: in one transaction, or one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException

from illshell.sources.kafka.failures import KafkaOutputError
from illshell.sources.kafka.producer import (
    STEP,
    CallWithDeadline,
    RetryingProducer,
    RetryTimeoutError,
    error_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Consumer, Producer

    from illshell.sources.kafka.batch import Batch
    from illshell.sources.stop_flag import StopFlag

COORDINATOR_TIMEOUT: Final = 10.0
"""Seconds after which a group coordinator that has not answered will not."""


class Delivery(Protocol):
    """Stores what a batch gives: findings and dead letters, states, and the offsets behind it."""

    def start(self) -> None:
        """Prepare the producer; KafkaOutputError where that fails."""

    def deliver(self, batch: Batch) -> str | None:
        """Store all and return None, or commit nothing and return why: it is to be read again.

        KafkaOutputError where reading it again has no use.
        """

    def close(self) -> None:
        """Abort what is under way."""


class ExactlyOnce:
    """One transaction a batch: all that it gives is there, or none.

    ``timeout``: seconds after which the broker aborts a transaction, transaction.timeout.ms. A
    producer that took longer, for want of a broker that answers, is fenced or waits in vain: a new
    one takes its place. If another run with the same name was the reason, the group ends this one.
    """

    def __init__(
        self,
        consumer: Consumer,
        make_producer: Callable[[], Producer],
        stop: StopFlag,
        timeout: float,
    ) -> None:
        self._consumer = consumer
        self._timeout = timeout
        self._make_producer = make_producer
        self._stop = stop
        self._producer = RetryingProducer(make_producer(), stop)
        self._is_open = False

    def start(self) -> None:
        """Abort what an earlier run with the same id left open."""
        producer = self._producer.producer
        try:
            self._producer.retry(lambda: producer.init_transactions(STEP))
        except KafkaException as failure:
            raise _output_error(failure) from None

    def deliver(self, batch: Batch) -> str | None:
        """Commit the batch, or abort."""
        retrying = self._producer
        producer, retry = retrying.producer, retrying.retry
        try:
            producer.begin_transaction()
            self._is_open = True
            retrying.produce(batch.outputs)
            if batch.snapshots:
                _write_snapshots(batch, retrying)
            offsets = batch.offsets()
            group = self._consumer.consumer_group_metadata()
            send = CallWithDeadline(
                lambda: producer.send_offsets_to_transaction(offsets, group, STEP),
                "the group's coordinator does not answer",
            )
            retry(send, min(COORDINATOR_TIMEOUT, self._timeout))
            retry(lambda: producer.commit_transaction(STEP), self._timeout)
        except KafkaException as failure:
            self._abort(failure)
            return error_of(failure).str()
        self._is_open = False
        return None

    def close(self) -> None:
        """Abort an open transaction, if the broker answers."""
        if self._is_open:
            try:
                self._producer.producer.abort_transaction(STEP)
            except KafkaException:
                return  # the broker aborts it by itself

    def _abort(self, failure: KafkaException) -> None:
        producer = self._producer.producer
        if not _is_beyond_repair(failure):
            try:
                self._producer.retry(lambda: producer.abort_transaction(STEP), self._timeout)
            except KafkaException as another:
                failure = another
        self._is_open = False
        if _is_beyond_repair(failure):
            producer.purge()
            self._producer = RetryingProducer(self._make_producer(), self._stop)
            self.start()


class AtLeastOnce:
    """Findings first, then offsets: a batch whose offsets were not stored is delivered again.

    A state is committed with its offset here too: what comes twice is a finding, never an event to
    a signature.
    """

    def __init__(
        self,
        consumer: Consumer,
        producer: Producer,
        stop: StopFlag,
        report: Callable[[str], object],
    ) -> None:
        self._consumer = consumer
        self._producer = RetryingProducer(producer, stop)
        self._report = report
        self._failed: KafkaError | None = None

    def start(self) -> None:
        """Nothing has to be made ready."""

    def deliver(self, batch: Batch) -> str | None:
        """Produce, wait for the acknowledgements, then commit."""
        outputs = (message._replace(on_delivery=self._delivered) for message in batch.outputs)
        try:
            self._producer.produce(outputs)
            _write_snapshots(batch, self._producer)
            if self._failed is not None:
                raise KafkaOutputError(f"findings were not stored: {self._failed.str()}")
            offsets = batch.offsets()
        except KafkaException as failure:
            raise _output_error(failure) from None
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as failure:
            reason = error_of(failure).str()
            if batch.snapshots:
                # Its states must not be built upon: perhaps another consumer has the partitions.
                return reason
            # Whoever has the partitions after this one repeats the batch; the next commit of this
            # one stands for this commit too.
            self._report(f"offsets were not committed: {reason}")
        return None

    def close(self) -> None:
        """Nothing is left under way."""

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._failed = error


def _write_snapshots(batch: Batch, producer: RetryingProducer) -> None:
    """Write the batch's snapshots, and wait until it is known where they are."""
    for snapshot in batch.snapshots:
        producer.produce(snapshot.messages())
    producer.flush()


def _output_error(failure: KafkaException) -> KafkaOutputError:
    return KafkaOutputError(error_of(failure).str())


def _is_beyond_repair(failure: KafkaException) -> bool:
    return isinstance(failure, RetryTimeoutError) or error_of(failure).fatal()
