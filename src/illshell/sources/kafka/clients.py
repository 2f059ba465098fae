"""The consumer and the producer: made of the options and the configuration file."""

from __future__ import annotations

import logging
import re
import socket
import uuid
from typing import TYPE_CHECKING, Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer

from illshell.sources.kafka.delivery import error_of
from illshell.sources.kafka.failures import SettingsError
from illshell.sources.kafka.settings import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka import KafkaError

    from illshell.sources.kafka.options import KafkaOptions

TRANSACTION_TIMEOUT: Final = "transaction.timeout.ms"
TRANSACTION_MILLISECONDS: Final = 30_000

_Client = TypeVar("_Client", Consumer, Producer)

_WORD: Final = 8  # letters of what may be a word of librdkafka's own, such as "sasl_ssl"
_PROPERTY = re.compile(r'configuration property:? "([a-z0-9._]+)"')


def make_consumer(
    options: KafkaOptions, on_error: Callable[[KafkaError], object], log: Callable[[str], object]
) -> Consumer:
    """Make the consumer; SettingsError where the file does not fit."""
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


def make_producer(
    options: KafkaOptions, on_error: Callable[[KafkaError], object], log: Callable[[str], object]
) -> Producer:
    """Make the producer, transactional unless at-least-once is asked for."""
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
    return _made(Producer, options, "producer", defaults, own, on_error, log)


def transaction_timeout(options: KafkaOptions) -> float:
    """Give the seconds after which a broker gives a transaction up."""
    given = options.settings.of("producer").get(TRANSACTION_TIMEOUT, TRANSACTION_MILLISECONDS)
    return int(given) / 1000


def _transactional_id(options: KafkaOptions) -> str:
    """Name the instance: the same after a restart, where it has a name, and never another's."""
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
    # Errors come to on_error; what librdkafka logs besides is for who asks for it.
    quiet = {"log_level": 2}
    given = options.settings.of(role)
    if "debug" in given:
        quiet = {"log_level": 7}
    try:
        return kind(
            {**quiet, **defaults, **given, **own, "error_cb": on_error}, logger=_logger(role, log)
        )
    except KafkaException as failure:
        raise SettingsError(_what_is_wrong(options, given, error_of(failure).str())) from None


def _what_is_wrong(options: KafkaOptions, given: Mapping[str, str], text: str) -> str:
    """Say what librdkafka says, with no value of the file but paths and the shortest words."""
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
