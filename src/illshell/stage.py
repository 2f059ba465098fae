"""A stage for any engine that runs Python: events in, findings out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from illshell.detect.spec import DetectorSpec
from illshell.detect.verdict import Verdict
from illshell.dialects.decoded import decoded_event
from illshell.model.errors import InvalidEventError
from illshell.model.event import Event
from illshell.readers.json_values import as_line, decode_lines
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from illshell.detect.detector import Detector
    from illshell.detect.spec import SignatureFactory
    from illshell.model.finding import Finding

LOGGER: Final = logging.getLogger("illshell.stage")


def findings(
    stream: Iterable[Any],
    *,
    signatures: Iterable[SignatureFactory] | None = None,
    events: Iterable[str] = EVENTS,
    on_error: Callable[[Any, Exception], object] | None = None,
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> Iterator[Finding]:
    """Yield the findings among events, each before the next event is taken.

    ``stream``: each item an event's JSON (str or bytes), its decoded payload (a mapping with
    Tracee's keys), or an :class:`illshell.Event`; to signatures with state it is one stream.
    ``signatures``: IDs, or callables that return a signature; the default is TRC-1016. ``events``,
    ``web_servers`` and ``shells`` are TRC-1016's, as in :class:`illshell.IllegitimateShell`.
    ``on_error(item, error)`` is told of each item that could not be judged; without it, the error
    is logged. An exception of ``on_error`` comes out here.

    For engines with a flat map over lists, such as Bytewax:
    ``op.flat_map_batch("illshell", stream, illshell.stage.findings)``.
    """
    spec = DetectorSpec.of(signatures, events=events, web_servers=web_servers, shells=shells)
    return _findings(spec.make(), stream, on_error or _log)


def _findings(
    detector: Detector, stream: Iterable[Any], on_error: Callable[[Any, Exception], object]
) -> Iterator[Finding]:
    with detector:
        for item in stream:
            for verdict in verdicts_on(detector, item):
                if verdict.finding is not None:
                    yield verdict.finding
                elif verdict.error is not None:
                    on_error(item, verdict.error)
        for verdict in detector.end_of_input():
            if verdict.finding is not None:
                yield verdict.finding


def verdicts_on(detector: Detector, item: Any) -> list[Verdict]:
    """Return the verdicts on one item: an event's JSON, its payload, or an Event."""
    if isinstance(item, (str, bytes, bytearray, memoryview)):
        segments = decode_lines(as_line(item), detector.selection, position_of=_nowhere)
        return [verdict for segment in segments for verdict in detector.segment(segment)]
    if isinstance(item, Event):
        return detector.event(item)
    if isinstance(item, Mapping):
        return detector.event(decoded_event(item))
    return [
        Verdict(0, error=InvalidEventError(f"{type(item).__name__} is neither JSON nor mapping"))
    ]


def _nowhere(_offset: int, _length: int) -> None:
    """Return no position: within a single value a byte says nothing."""


def _log(_item: Any, error: Exception) -> None:
    LOGGER.error("An event could not be judged: %s", error)
