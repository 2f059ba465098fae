"""Calls to a producer that are repeated, and those that may not come back."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException

from illshell.sources.kafka.failures import KafkaOutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import Producer

    from illshell.sources.kafka.output import OutputMessage
    from illshell.sources.stop_flag import StopFlag

STEP: Final = 1.0
"""Seconds that a call may block, so that a signal is noticed."""

SHUTDOWN_TIMEOUT: Final = 20.0
"""Seconds after a signal within which the last batch must have been committed."""


class RetryTimeoutError(KafkaException):
    """A call that could be repeated has been repeated for too long."""


class RetryingProducer:
    """A producer whose calls are repeated until they work, for as long as a stop allows."""

    def __init__(self, producer: Producer, stop: StopFlag) -> None:
        self.producer = producer
        self._stop = stop
        self._give_up: float | None = None

    def produce(self, messages: Iterable[OutputMessage]) -> None:
        """Queue messages, waiting where the queue is full.

        KafkaOutputError where a message is larger than the producer takes.
        """
        for message in messages:
            while not self._queued(message):
                self.producer.poll(STEP)
                self.check_shutdown("the producer's queue stays full")

    def flush(self) -> None:
        """Wait until the brokers have answered for every message."""
        while self.producer.flush(STEP):
            self.check_shutdown("the brokers do not acknowledge the findings")

    def retry(self, call: Callable[[], object], timeout: float = math.inf) -> None:
        """Repeat a call until it works; what it raises where repeating has no use.

        RetryTimeoutError where it has not worked within ``timeout`` seconds.
        """
        give_up = time.monotonic() + timeout
        while True:
            try:
                call()
            except KafkaException as failure:
                error = error_of(failure)
                if error.fatal() or error.txn_requires_abort() or not error.retriable():
                    raise
                self.check_shutdown(error.str())
                if time.monotonic() > give_up:
                    raise RetryTimeoutError(error) from None
            else:
                return

    def check_shutdown(self, why: str) -> None:
        """Raise KafkaOutputError where ``SHUTDOWN_TIMEOUT`` is over."""
        now = time.monotonic()
        if not self._stop:
            self._give_up = None
        elif self._give_up is None:
            self._give_up = now + SHUTDOWN_TIMEOUT
        elif now > self._give_up:
            raise KafkaOutputError(f"the last batch was not committed: {why}")

    def _queued(self, message: OutputMessage) -> bool:
        try:
            self.producer.produce(
                message.topic,
                value=message.value,
                key=message.key,
                partition=message.partition,
                headers=message.headers,
                on_delivery=message.on_delivery,
            )
        except BufferError:
            return False
        except KafkaException as failure:
            if error_of(failure).code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise
            raise KafkaOutputError(
                f"{message.origin}: a message of {message.size:,} bytes, more than "
                f"message.max.bytes lets into {message.topic}"
            ) from None
        return True


class CallWithDeadline:
    """A call in a daemon thread, waited for ``STEP`` at a time.

    librdkafka's send_offsets_to_transaction outlasts its timeout where it waits for a group
    coordinator that has been restarted, and may never come back (its issues 5456 and 5511, seen
    with 2.16.0). The thread is left behind then, with the producer. ``reason``: what it means that
    the call has not come back.
    """

    def __init__(self, call: Callable[[], object], reason: str) -> None:
        self._call = call
        self._reason = reason
        self._result: Future[object] | None = None

    def __call__(self) -> object:
        """Return or raise what the call does; a retriable KafkaException if it is not back yet."""
        if self._result is None:
            self._result = Future()
            threading.Thread(target=self._run, args=[self._result], daemon=True).start()
        try:
            result = self._result.result(STEP)
        except TimeoutError:
            slow = KafkaError(KafkaError._TIMED_OUT, self._reason, retriable=True)
            raise KafkaException(slow) from None
        except KafkaException:
            self._result = None
            raise
        return result

    def _run(self, result: Future[object]) -> None:
        try:
            result.set_result(self._call())
        except BaseException as failure:
            result.set_exception(failure)


def error_of(failure: KafkaException) -> KafkaError:
    """Return the error that an exception carries."""
    error = failure.args[0]
    assert isinstance(error, KafkaError)
    return error
