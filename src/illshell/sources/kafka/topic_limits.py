"""What topics take: asked of the brokers at the start, so that no message is refused later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

from illshell.sources.kafka.failures import KafkaOutputError
from illshell.sources.kafka.producer import error_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient

TIMEOUT: Final = 5.0
"""Seconds within which the brokers must answer."""

RESERVE: Final = 1024
"""Bytes of a message's limit that are left to the protocol's frame."""


@dataclass(frozen=True, slots=True)
class TopicLimits:
    """What is known of topics: their configuration, or why it could not be read.

    ``producer``: bytes of a message that the producer takes.
    """

    producer: int
    settings: Mapping[str, Mapping[str, str]]
    errors: Mapping[str, KafkaError]

    @staticmethod
    def read(admin: AdminClient, topics: Iterable[str], producer: int) -> TopicLimits:
        """Ask for the configuration of topics; a topic whose can't be read has an error."""
        wanted = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in set(topics)]
        settings: dict[str, dict[str, str]] = {}
        errors: dict[str, KafkaError] = {}
        for resource, answer in admin.describe_configs(wanted, request_timeout=TIMEOUT).items():
            try:
                entries = answer.result(2 * TIMEOUT)
            except KafkaException as failure:
                errors[resource.name] = error_of(failure)
            else:
                settings[resource.name] = {
                    name: entry.value for name, entry in entries.items() if entry.value is not None
                }
        return TopicLimits(producer, settings, errors)

    def max_message(self, topic: str) -> int:
        """Return how many bytes a message into a topic may have."""
        return max(1, min(self.producer, self._of_topic(topic)) - RESERVE)

    @property
    def max_batch(self) -> int | None:
        """Bytes of messages that may be sent together; None where the usual is not too much."""
        least = min(map(self._of_topic, self.settings), default=self.producer)
        return max(RESERVE, least - RESERVE) if least < self.producer else None

    def check_state_topic(self, topic: str) -> str | None:
        """Return a warning where it is not known that a topic keeps the last message of each key.

        KafkaOutputError where it does not.
        """
        if topic in self.errors:
            reason = self.errors[topic].str()
            return f"topic {topic}: whether it is compacted could not be read: {reason}"
        policy = self.settings[topic].get("cleanup.policy", "")
        if policy != "compact":
            raise KafkaOutputError(
                f"topic {topic}: its cleanup.policy is {policy}, which deletes states; "
                "set it to compact"
            )
        return None

    def _of_topic(self, topic: str) -> int:
        return int(self.settings.get(topic, {}).get("max.message.bytes", self.producer))
