"""The types that signatures and the engines that host them exchange.

They mirror Tracee's ``types/detect`` and ``types/protocol`` in snake_case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping


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
class SignatureEventSelector:
    """Which events a signature wants: an empty or ``*`` name or origin stands for all."""

    source: str
    name: str = "*"
    origin: str = "*"


@dataclass(frozen=True, slots=True)
class EventHeaders:
    """Where an event comes from: its selector, and what a source knows besides.

    ``custom`` of an event that :mod:`illshell.readers` read has ``source`` (the file's name),
    ``offset`` and ``length`` (bytes of the decompressed stream) and ``record`` (these bytes), or,
    of a columnar file, ``row`` in their place. One
    that came through Kafka has ``topic``, ``partition``, the message's ``offset``, and ``line``,
    which counts the events of one message.
    """

    selector: SignatureEventSelector
    custom: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: headers, and the payload with Tracee's JSON keys."""

    headers: EventHeaders
    payload: Any


@dataclass(frozen=True, slots=True)
class Finding:
    """A detection: the signature's metadata, the very event that set it off, extra data."""

    sig_metadata: SignatureMetadata
    event: Any
    data: Mapping[str, Any] | None = None

    @property
    def uid(self) -> str:
        """The same for the same event in every run and engine; see :mod:`illshell.model.uid`."""
        from illshell.model.uid import finding_uid

        return finding_uid(self)


@dataclass(frozen=True, slots=True)
class SourceComplete:
    """The signal that a source of events has come to its end."""

    source: str


@dataclass(frozen=True, slots=True)
class SignatureContext:
    """What an engine gives a signature at ``init``.

    ``callback`` takes each Finding; it is called in the thread that handed in the event.
    ``get_data_source(namespace, id)`` gives a data source, or None where there is none.
    """

    callback: Callable[[Finding], object]
    logger: logging.Logger | None = None
    get_data_source: Callable[[str, str], Any | None] = lambda _namespace, _id: None


@runtime_checkable
class Signature(Protocol):
    """What an engine needs of a signature.

    A signature may also have ``on_batch(batch)``; see :meth:`illshell.IllegitimateShell.on_batch`.
    """

    def get_metadata(self) -> SignatureMetadata:
        """Describe the signature."""

    def get_selected_events(self) -> list[SignatureEventSelector]:
        """List the events that the signature wants."""

    def init(self, ctx: SignatureContext) -> None:
        """Take the callback for findings; called once, before any event."""

    def on_event(self, event: Any) -> None:
        """Judge an event; a detection goes to the callback, an error is raised."""

    def on_signal(self, signal: Any) -> None:
        """Take a signal, such as :class:`SourceComplete`."""

    def close(self) -> None:
        """Release what the signature holds; called at least once."""
