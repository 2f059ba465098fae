"""Errors of connections, of which librdkafka reports the same one every second: each once."""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError

if TYPE_CHECKING:
    from collections.abc import Callable

REPEAT_AFTER: Final = 300.0
"""Seconds after which an error that stays is reported again."""

MAX_CAUSES: Final = 1000
"""Causes that are remembered."""

_VARIES = re.compile(
    r" \(after \d+ms in state [A-Z_0-9]+(, \d+ identical error\(s\) suppressed)?\)"
)
_ADDRESS = re.compile(r"^(\S*://)?(?P<broker>\S+?)(/bootstrap|/\d+): ")


class ConnectionErrors:
    """Reports errors of clients, each cause once in ``REPEAT_AFTER`` seconds.

    ``last``: the last one that says a cause.
    """

    def __init__(self, report: Callable[[str], object]) -> None:
        self.last: KafkaError | None = None
        self._report = report
        self._reported: dict[str, float] = {}

    def note(self, error: KafkaError) -> None:
        """Report an error, but not "all brokers are down" where the cause is known."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self.last is not None:
            return
        self.last = error
        text = cause(error)
        now = time.monotonic()
        if now - self._reported.get(text, -math.inf) >= REPEAT_AFTER:
            if len(self._reported) >= MAX_CAUSES:
                self._reported.clear()
            self._reported[text] = now
            self._report(f"{text}; trying again")


def cause(error: KafkaError) -> str:
    """Return an error without what differs from one time to the next."""
    return _ADDRESS.sub(r"broker \g<broker>: ", _VARIES.sub("", error.str()))
