"""The options of ``illshell kafka``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from illshell.sources.kafka.settings import Settings

if TYPE_CHECKING:
    from illshell.detect.spec import DetectorSpec


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Options of the command; ``config`` is the file that ``settings`` were read from.

    ``state_topic``: needed where a signature keeps state.
    """

    brokers: str
    topics: tuple[str, ...]
    group: str
    findings_topic: str
    detector: DetectorSpec
    dead_letter_topic: str | None = None
    state_topic: str | None = None
    at_least_once: bool = False
    instance: str | None = None
    exit_at_end: bool = False
    native: bool = True
    config: str | None = None
    settings: Settings = field(default_factory=Settings)
