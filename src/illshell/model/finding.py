"""Findings: what signatures hand out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from illshell.model.event import Event

if TYPE_CHECKING:
    from illshell.model.position import Position


@dataclass(frozen=True, slots=True)
class SignatureMetadata:
    """What a signature says of itself.

    ``properties`` is a dict of its own in every instance a signature hands out.
    """

    id: str
    version: str
    name: str
    event_name: str
    description: str
    tags: list[str] | None = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """A detection: the signature's metadata, the very event that set it off, extra data."""

    sig_metadata: SignatureMetadata
    event: Any
    data: Mapping[str, Any] | None = None

    @property
    def payload(self) -> Mapping[str, Any]:
        """The payload of the event."""
        payload = self.event.payload if isinstance(self.event, Event) else self.event
        assert isinstance(payload, Mapping)
        return payload

    @property
    def tracee(self) -> Mapping[str, Any]:
        """The payload of the event with the keys of Tracee v0.24, whatever the sensor."""
        payload = self.event.tracee if isinstance(self.event, Event) else self.event
        assert isinstance(payload, Mapping)
        return payload

    @property
    def position(self) -> Position | None:
        """Where the event came from."""
        return self.event.headers.position if isinstance(self.event, Event) else None

    @property
    def uid(self) -> str:
        """The same for the same event in every run and engine; see :mod:`illshell.model.uid`."""
        from illshell.model.uid import finding_uid

        return finding_uid(self)
