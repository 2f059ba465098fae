"""Clients of Kafka, made of the options and the configuration file."""

from __future__ import annotations

import logging
import re
import socket
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from illshell.sources.kafka.failures import SettingsError
from illshell.sources.kafka.producer import error_of
from illshell.sources.kafka.settings import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka import KafkaError

    from illshell.sources.kafka.options import KafkaOptions

TRANSACTION_TIMEOUT: Final = "transaction.timeout.ms"
TRANSACTION_MILLISECONDS: Final = 30_000

MAX_MESSAGE: Final = "message.max.bytes"
MAX_MESSAGE_BYTES: Final = 1_000_000
"""librdkafka's default: bytes of a message that the producer takes."""

BATCH_SIZE: Final = "batch.size"

_Client = TypeVar("_Client", Consumer, Producer, AdminClient)

_WORD: Final = 8  # letters of what may be a word of librdkafka's own, such as "sasl_ssl"
_PROPERTY = re.compile(r'configuration property:? "([a-z0-9._]+)"')


def make_consumer(
    options: KafkaOptions, on_error: Callable[[KafkaError], object], log: Callable[[str], object]
) -> Consumer:
    """Return the consumer; SettingsError where the file can't be used."""
    own = {
        "bootstrap.servers": options.brokers,
        "client.id": "illshell",
        "group.id": options.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        "enable.partition.eof": options.exit_at_end,
    }
    if options.instance is not None:
        own["group.instance.id"] = options.instance
    # A queue that was full is looked at again when a batch has left it, not a second later.
    defaults = {"auto.offset.reset": "earliest", "fetch.queue.backoff.ms": 10}
    return _made(Consumer, options, "consumer", defaults, own, on_error, log)


def make_snapshot_consumer(
    options: KafkaOptions, on_error: Callable[[KafkaError], object], log: Callable[[str], object]
) -> Consumer:
    """Return a consumer that is no member of the group, for snapshots of states.

    It does not wait for other consumers' transactions: what it reads has been committed, since the
    offset that points there has been.
    """
    own = {
        "bootstrap.servers": options.brokers,
        "client.id": "illshell-state",
        "group.id": options.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_uncommitted",
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        # The next snapshot's fetch waits for the last one's, which is at the end of its partition.
        "fetch.wait.max.ms": 5,
        "queued.max.messages.kbytes": 4096,
    }
    return _made(Consumer, options, "consumer", {}, own, on_error, log)


def make_admin(
    options: KafkaOptions, on_error: Callable[[KafkaError], object], log: Callable[[str], object]
) -> AdminClient:
    """Return a client that can ask for the configuration of topics."""
    own = {"bootstrap.servers": options.brokers, "client.id": "illshell-admin"}
    return _made(AdminClient, options, "admin", {}, own, on_error, log)


def make_producer(
    options: KafkaOptions,
    on_error: Callable[[KafkaError], object],
    log: Callable[[str], object],
    batch_size: int | None = None,
) -> Producer:
    """Return the producer, transactional unless at-least-once is asked for.

    ``batch_size``: bytes of messages that may be sent together, where a topic takes less than is
    usual.
    """
    own: dict[str, Any] = {
        "bootstrap.servers": options.brokers,
        "client.id": "illshell",
        "enable.idempotence": True,
    }
    if not options.at_least_once:
        own["transactional.id"] = _transactional_id(options)
    defaults = {"queue.buffering.max.kbytes": 65536, "linger.ms": 20}
    if not options.at_least_once:
        defaults[TRANSACTION_TIMEOUT] = TRANSACTION_MILLISECONDS
    if batch_size is not None:
        defaults[BATCH_SIZE] = batch_size
    return _made(Producer, options, "producer", defaults, own, on_error, log)


def transaction_timeout(options: KafkaOptions) -> float:
    """Return the seconds after which a broker aborts a transaction."""
    given = options.settings.of("producer").get(TRANSACTION_TIMEOUT, TRANSACTION_MILLISECONDS)
    return int(given) / 1000


def max_message_bytes(options: KafkaOptions) -> int:
    """Return how many bytes a message may have that the producer takes."""
    return int(options.settings.of("producer").get(MAX_MESSAGE, MAX_MESSAGE_BYTES))


def _transactional_id(options: KafkaOptions) -> str:
    """Return the instance's name, or else one that no other has."""
    instance = options.instance or f"{socket.gethostname()}-{uuid.uuid4()}"
    return f"illshell-{options.group}-{instance}"


def _made(
    kind: type[_Client],
    options: KafkaOptions,
    role: str,
    defaults: dict[str, Any],
    own: dict[str, Any],
    on_error: Callable[[KafkaError], object],
    log: Callable[[str], object],
) -> _Client:
    # Errors are reported by on_error; librdkafka's log only where `debug` asks for it.
    quiet = {"log_level": 2}
    given = options.settings.of(role)
    if "debug" in given:
        quiet = {"log_level": 7}
    settings: dict[str, Any] = {**quiet, **defaults, **given, **own, "error_cb": on_error}
    try:
        return kind(settings, logger=_logger(role, log))
    except KafkaException as failure:
        raise SettingsError(_what_is_wrong(options, given, error_of(failure).str())) from None


def _what_is_wrong(options: KafkaOptions, given: Mapping[str, str], text: str) -> str:
    """Return librdkafka's reason with no value of the file but paths and the shortest words."""
    where = options.config or "the options"
    if named := _PROPERTY.search(text):
        if text.startswith("No such"):
            return f"{where}: there is no property {named[1]}"
        return f"{where}: {named[1]} can't have the value that it has there"
    for key, value in sorted(given.items(), key=lambda item: len(item[1]), reverse=True):
        if len(value) > _WORD and not key.endswith(".location"):
            text = text.replace(value, HIDDEN)
    return f"{where}: {options.settings.hide(text)}"


def _logger(role: str, log: Callable[[str], object]) -> logging.Logger:
    logger = logging.Logger(f"illshell.kafka.{role}")
    logger.addHandler(_Handler(log))
    return logger


class _Handler(logging.Handler):
    def __init__(self, log: Callable[[str], object]) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log(record.getMessage())
