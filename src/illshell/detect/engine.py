"""Engine: the detector behind the interface of Tracee's pkg/signatures/engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from illshell.detect.detector import TRACEE, Detector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell.batch.event_batch import Batch
    from illshell.detect.verdict import Verdict
    from illshell.model.event import Event, SignatureEventSelector
    from illshell.model.finding import Finding
    from illshell.model.signature import Signature


@dataclass(slots=True)
class EngineCounts:
    """What an engine has done so far."""

    events: int = 0
    detections: int = 0
    errors: int = 0


class Engine:
    """Loads signatures, hands them events by selector, and counts.

    ``callback`` takes each Finding, in the order of the events. ``on_error(signature, event,
    error)`` is told of each error that a signature raised; without it the error is logged. An
    error costs that event in that signature and nothing else; an exception of ``callback`` itself
    is the caller's, and comes out of ``dispatch``.

    Not thread-safe: give each thread an engine of its own.
    """

    def __init__(
        self,
        signatures: Iterable[Signature] = (),
        *,
        callback: Callable[[Finding], object],
        on_error: Callable[[Signature, Any, Exception], object] | None = None,
        logger: logging.Logger | None = None,
        get_data_source: Callable[[str, str], Any | None] = lambda _namespace, _id: None,
    ) -> None:
        self.counts = EngineCounts()
        self._callback = callback
        self._logger = logger or logging.getLogger("illshell.engine")
        self._on_error = on_error or self._log_error
        self._detector = Detector(
            signatures,
            deliver=self._deliver,
            logger=self._logger,
            get_data_source=get_data_source,
        )

    def __repr__(self) -> str:
        names = ", ".join(loaded.metadata.id for loaded in self._detector.loaded) or "no signature"
        counts = self.counts
        return (
            f"<Engine with {names}: {counts.events} events, "
            f"{counts.detections} detections, {counts.errors} errors>"
        )

    @property
    def signatures(self) -> list[Signature]:
        """The loaded signatures, in the order of loading."""
        return [loaded.signature for loaded in self._detector.loaded]

    @property
    def selectors(self) -> list[SignatureEventSelector]:
        """What the loaded signatures select, in the order of loading."""
        return [selector for loaded in self._detector.loaded for selector in loaded.selectors]

    def load(self, signature: Signature) -> bool:
        """Load a signature: metadata, selected events, init, index, as Tracee does.

        A signature that fails there, or whose ID is loaded already, is logged and left out: False.
        """
        return self._detector.load(signature)

    def unload(self, signature_id: str) -> None:
        """Unload a signature, then close it; KeyError if it is not loaded."""
        self._detector.unload(signature_id)

    def dispatch(self, event: Event) -> None:
        """Hand an event to each signature that selects it."""
        self.counts.events += 1
        self._detector.event(event)

    def dispatch_batch(self, batch: Batch) -> None:
        """Hand packed events to each signature.

        One with ``match_batch`` judges the buffers in place. For the others, if there are any, each
        row becomes an event.
        """
        self.counts.events += len(batch)
        self._detector.batch(batch)

    def end_of_input(self, source: str = TRACEE) -> None:
        """Notify each signature that selects events of this source that it is complete."""
        self._detector.end_of_input(source)

    def close(self) -> None:
        """Close every signature; may be called again."""
        self._detector.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _deliver(self, verdict: Verdict) -> None:
        if verdict.finding is not None:
            self.counts.detections += 1
            self._callback(verdict.finding)
        elif verdict.signature is not None and verdict.error is not None:
            self.counts.errors += 1
            self._on_error(verdict.signature, verdict.event, verdict.error)

    def _log_error(self, signature: Signature, _event: Any, error: Exception) -> None:
        name = signature.get_metadata().name
        self._logger.error("Handling event by signature %s: %s", name, error)
