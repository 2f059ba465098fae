"""The messages that go out: findings, and dead letters for what could not be judged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from illshell.formats.jsonl import jsonl
from illshell.model.position import Message as MessagePosition

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import KafkaError, Message

    from illshell.detect.verdict import Verdict
    from illshell.model.finding import Finding

Headers = list[tuple[str, Any]]

MAX_REASONS: Final = 10
"""Invalid lines and events of a message whose reasons its dead letter has in its headers."""

MAX_REASON: Final = 500
"""Bytes of a reason."""

MAX_MEMBERS: Final = (4096, 256, 0)
"""Bytes that a member of a finding's event may have where the finding is too large, tried in turn;
with 0 the event is left out."""

_FRAME: Final = 100
_HEADER: Final = 20
"""Bytes that a message and a header may need besides their texts."""


class OutputMessage(NamedTuple):
    """A message to produce; ``origin`` says in a text where it comes from.

    ``on_delivery(error, message)`` is called when the brokers have stored or refused it.
    ``partition``: -1 for the one that its key is of.
    """

    topic: str
    key: Any
    value: Any
    headers: Headers
    origin: str
    partition: int = -1
    on_delivery: Callable[[KafkaError | None, Message], None] | None = None

    @property
    def size(self) -> int:
        """Bytes that it needs at most."""
        headers = sum(len(name) + len(value or b"") + _HEADER for name, value in self.headers)
        return _FRAME + len(self.key or b"") + len(self.value or b"") + headers


def finding_message(topic: str, finding: Finding, limit: int) -> OutputMessage:
    """Return a finding as JSON, without the larger parts of its event where it exceeds a limit."""
    position = finding.position
    headers: Headers = [
        ("content-type", b"application/json"),
        ("illshell.signature", finding.sig_metadata.id.encode()),
    ]
    if isinstance(position, MessagePosition):
        headers += origin_headers(position)
    value = jsonl(finding).removesuffix(b"\n")
    message = OutputMessage(topic, finding.uid.encode(), value, headers, str(position))
    if message.size <= limit:
        return message
    headers.append(_truncated("finding", value))
    for most in MAX_MEMBERS:
        message = message._replace(value=_shortened(value, most))
        if message.size <= limit:
            break
    return message


def _shortened(value: bytes, most: int) -> bytes:
    """Return a finding without the members and arguments of its event that are larger than this."""
    record = json.loads(value)
    event = record["event"]
    record["truncated"] = True
    if most == 0 or not isinstance(event, dict):
        record["event"] = record["data"] = None
    else:
        record["event"] = {
            name: _small(member, most) if name == "args" and isinstance(member, list) else member
            for name, member in event.items()
            if name == "args" or _size(member) <= most
        }
    return json.dumps(record, separators=(",", ":")).encode()


def _small(members: list[Any], most: int) -> list[Any]:
    return [member for member in members if _size(member) <= most]


def _size(member: Any) -> int:
    return len(json.dumps(member, separators=(",", ":")))


class DeadLetter:
    """Gathers why a message could not be judged, or not as a whole."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self._count = 0
        self._reasons: Headers = []
        self._origin: MessagePosition | None = None

    def add(self, verdict: Verdict) -> None:
        """Add the error of an event, or an invalid line."""
        assert isinstance(verdict.position, MessagePosition)
        self._count += 1
        self._origin = self._origin or verdict.position
        if self._count <= MAX_REASONS:
            reason = str(verdict.error).encode("utf-8", "replace")[:MAX_REASON]
            self._reasons.append(("illshell.reason", reason))
            self._reasons.append(("illshell.line", str(verdict.position.line).encode()))

    def output(self, topic: str, limit: int) -> OutputMessage:
        """Return the message as it came, with the reasons as headers, cut where it is too large.

        What had to be cut is said in headers, and how large it was: the value loses its end, a key
        or headers that take more than a quarter of the limit are left out.
        """
        message, origin = self.message, self._origin
        assert origin is not None
        own: Headers = [
            *origin_headers(origin),
            *self._reasons,
            ("illshell.reasons", str(self._count).encode()),
        ]
        headers = message.headers() or []
        given: Headers = list(headers.items() if isinstance(headers, dict) else headers)
        key, value = message.key(), message.value()
        letter = OutputMessage(topic, key, value, given + own, str(origin))
        if letter.size <= limit:
            return letter
        given_size = OutputMessage(topic, None, None, given, "").size
        if given_size > limit // 4:
            own.append(("illshell.truncated", f"headers of {given_size} bytes".encode()))
            given = []
        if key is not None and len(key) > limit // 4:
            own.append(_truncated("key", key))
            key = None
        if value is not None:
            own.append(_truncated("value", value))
            bare = OutputMessage(topic, key, None, given + own, "")
            if len(value) <= limit - bare.size:
                own.pop()
            else:
                value = value[: max(0, limit - bare.size)]
        return OutputMessage(topic, key, value, given + own, str(origin))


def origin_headers(position: MessagePosition) -> Headers:
    """Return the headers that say which message of the input something comes from."""
    return [
        ("illshell.topic", position.topic.encode()),
        ("illshell.partition", str(position.partition).encode()),
        ("illshell.offset", str(position.offset).encode()),
    ]


def _truncated(what: str, whole: bytes) -> tuple[str, bytes]:
    return "illshell.truncated", f"{what} of {len(whole)} bytes".encode()
