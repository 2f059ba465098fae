"""Verdicts: what the detector says of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from illshell.model.event import Event

if TYPE_CHECKING:
    from illshell.model.finding import Finding
    from illshell.model.position import Position
    from illshell.model.signature import Signature


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding, or the error of an event that could not be judged.

    ``row``: the row of the batch, or the index of the packed row before which a single event
    stands. ``event``: the event, as far as it could be decoded. ``position`` and ``raw``: its place
    and its bytes, where they are known. ``signature``: None for an invalid line, which none saw.
    """

    row: int
    signature: Signature | None = None
    finding: Finding | None = None
    error: Exception | None = None
    event: Any = None
    position: Position | None = None
    raw: bytes | None = None

    @staticmethod
    def of_event(
        row: int,
        event: Any,
        signature: Signature,
        *,
        finding: Finding | None = None,
        error: Exception | None = None,
    ) -> Verdict:
        """Return the verdict of a signature on an event."""
        headers = event.headers if isinstance(event, Event) else None
        return Verdict(
            row,
            signature,
            finding,
            error,
            event,
            None if headers is None else headers.position,
            None if headers is None else headers.raw,
        )
