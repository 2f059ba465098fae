"""Engine: a small host for signatures, after Tracee's pkg/signatures/engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from illshell.model.signature import (
    Event,
    Finding,
    Signature,
    SignatureContext,
    SignatureEventSelector,
    SignatureMetadata,
    SourceComplete,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from illshell.batch.event_batch import Batch


@dataclass(slots=True)
class EngineCounts:
    """What an engine has done so far."""

    events: int = 0
    detections: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class _Loaded:
    signature: Signature
    metadata: SignatureMetadata
    selectors: tuple[SignatureEventSelector, ...]


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
        self._get_data_source = get_data_source
        self._loaded: dict[str, _Loaded] = {}
        self._index: dict[SignatureEventSelector, list[_Loaded]] = {}
        for signature in signatures:
            self.load(signature)

    @property
    def signatures(self) -> list[Signature]:
        """The loaded signatures, in the order of loading."""
        return [loaded.signature for loaded in self._loaded.values()]

    @property
    def selectors(self) -> list[SignatureEventSelector]:
        """What the loaded signatures select, in the order of loading."""
        return [selector for loaded in self._loaded.values() for selector in loaded.selectors]

    def load(self, signature: Signature) -> bool:
        """Take a signature in: metadata, selected events, init, index, as Tracee does.

        A signature that fails there, or whose ID is loaded already, is logged and left out: False.
        """
        try:
            metadata = signature.get_metadata()
            selectors = tuple(map(_wildcards, signature.get_selected_events()))
            if metadata.id in self._loaded:
                self._logger.error("Loading signature %s: it is loaded already", metadata.id)
                return False
            signature.init(SignatureContext(self._deliver, self._logger, self._get_data_source))
        except Exception as error:
            self._logger.error("Loading signature %r: %s", signature, error)
            return False
        loaded = _Loaded(signature, metadata, selectors)
        self._loaded[metadata.id] = loaded
        for selector in selectors:
            if selector.source == "":
                self._logger.error("Signature %s selects events of no source", metadata.id)
            else:
                self._index.setdefault(selector, []).append(loaded)
        return True

    def unload(self, signature_id: str) -> None:
        """Take a signature out, then close it; KeyError if it is not loaded."""
        loaded = self._loaded.pop(signature_id)
        for selector in set(loaded.selectors):
            self._index[selector] = [
                other for other in self._index.get(selector, []) if other is not loaded
            ]
        loaded.signature.close()

    def dispatch(self, event: Event) -> None:
        """Hand an event to each signature that selects it."""
        self.counts.events += 1
        self._dispatch(event, batch_capable=True)

    def dispatch_batch(self, batch: Batch) -> None:
        """Hand packed events to each signature.

        One with ``on_batch`` judges the buffers in place. For the others, if there are any, each
        row becomes an event.
        """
        self.counts.events += len(batch)
        needs_events = False
        for loaded in self._loaded.values():
            on_batch = getattr(loaded.signature, "on_batch", None)
            if on_batch is None:
                needs_events = True
                continue
            try:
                errors = on_batch(batch)
            except _CallbackError as failure:
                raise failure.error from None
            except Exception as error:
                self._count_error(loaded.signature, batch, error)
                continue
            for row, why in errors:
                self._count_error(loaded.signature, batch.event(row), why)
        if needs_events:
            for row in range(len(batch)):
                self._dispatch(batch.event(row), batch_capable=False)

    def end_of_input(self, source: str = "tracee") -> None:
        """Tell each signature that selects events of this source that it is complete."""
        signal = SourceComplete(source)
        for loaded in self._loaded.values():
            if any(selector.source == source for selector in loaded.selectors):
                try:
                    loaded.signature.on_signal(signal)
                except _CallbackError as failure:
                    raise failure.error from None
                except Exception as error:
                    self._count_error(loaded.signature, signal, error)

    def close(self) -> None:
        """Close every signature; may be called again."""
        for signature_id in list(self._loaded):
            self.unload(signature_id)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _dispatch(self, event: Event, *, batch_capable: bool) -> None:
        wanted = event.headers.selector
        keys = dict.fromkeys(
            SignatureEventSelector(wanted.source, name, origin)
            for name in (wanted.name, "*")
            for origin in (wanted.origin, "*")
        )
        for key in keys:
            for loaded in self._index.get(key, ()):
                if not batch_capable and hasattr(loaded.signature, "on_batch"):
                    continue
                try:
                    loaded.signature.on_event(event)
                except _CallbackError as failure:
                    raise failure.error from None
                except Exception as error:
                    self._count_error(loaded.signature, event, error)

    def _deliver(self, finding: Finding) -> None:
        self.counts.detections += 1
        try:
            self._callback(finding)
        except Exception as error:
            raise _CallbackError(error) from error

    def _count_error(self, signature: Signature, event: Any, error: Exception) -> None:
        self.counts.errors += 1
        self._on_error(signature, event, error)

    def _log_error(self, signature: Signature, _event: Any, error: Exception) -> None:
        name = signature.get_metadata().name
        self._logger.error("Handling event by signature %s: %s", name, error)


class _CallbackError(BaseException):
    """Carries an exception of the caller's callback through a signature that it is no error of."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def _wildcards(selector: SignatureEventSelector) -> SignatureEventSelector:
    return SignatureEventSelector(selector.source, selector.name or "*", selector.origin or "*")
