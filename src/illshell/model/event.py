"""Events: what signatures judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


@dataclass(frozen=True, slots=True)
class Event:
    """One event: headers, and the payload with the keys of the sensor's JSON."""

    headers: EventHeaders
    payload: Any
