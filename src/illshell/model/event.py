"""Events: what signatures judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from illshell.model.position import Position


@dataclass(frozen=True, slots=True)
class SignatureEventSelector:
    """Which events a signature wants: an empty or ``*`` name or origin stands for all."""

    source: str
    name: str = "*"
    origin: str = "*"


@dataclass(frozen=True, slots=True)
class EventHeaders:
    """Where an event comes from.

    ``selector``: what signatures select it by. ``position``: its place in its source, None where
    nothing is known of it. ``raw``: the event's own bytes, None where it did not come as bytes.
    """

    selector: SignatureEventSelector
    position: Position | None = None
    raw: bytes | None = None


class View(Protocol):
    """An event of another sensor than Tracee as fields; see ``illshell.dialects.canonical``."""

    @property
    def dialect_name(self) -> str:
        """The name of its dialect."""

    def __getitem__(self, name: str, /) -> Any:
        """Return the value of a field, None where the event has none."""

    def as_tracee(self) -> dict[str, Any]:
        """Return the event as Tracee v0.24 would write it, as far as its fields go."""

    def stand_ins(self, fields: Iterable[str]) -> Mapping[str, str]:
        """Return, of these fields, those that another value stands in for, and why it may."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: headers, and the payload with the keys of the sensor's JSON.

    ``view``: the event as fields, for one of another sensor than Tracee up to v0.24.
    """

    headers: EventHeaders
    payload: Any
    view: View | None = None

    @property
    def tracee(self) -> Any:
        """The payload with the keys of Tracee v0.24, whatever the sensor."""
        return self.payload if self.view is None else self.view.as_tracee()

    @property
    def dialect(self) -> str:
        """The name of the dialect that the payload is written in."""
        return "tracee" if self.view is None else self.view.dialect_name
