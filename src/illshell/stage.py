"""A stage for any engine that runs Python: events in, findings out."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from illshell.detect.verdicts import Rule, judge_of
from illshell.model.signature import Event
from illshell.readers.json_values import decode_value, with_custom
from illshell.signatures.illegitimate_shell.names import EVENTS, SHELLS, WEB_SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from illshell.model.signature import Finding

LOGGER: Final = logging.getLogger("illshell.stage")


def findings(
    stream: Iterable[Any],
    *,
    events: Iterable[str] = EVENTS,
    on_error: Callable[[Any, Exception], object] | None = None,
    web_servers: Iterable[str] = WEB_SERVERS,
    shells: Iterable[str] = SHELLS,
) -> Iterator[Finding]:
    """Judge events one by one; each finding comes before the next event is taken.

    ``stream``: each item an event's JSON (str or bytes), its decoded payload (a mapping with
    Tracee's keys), or an :class:`illshell.Event`. ``events``: which events are judged.
    ``on_error(item, error)`` is told of each item that could not be judged; without it, the error
    is logged. An exception of ``on_error`` comes out here. ``web_servers`` and ``shells`` are as
    in :class:`illshell.IllegitimateShell`.

    For engines with a flat map over lists, such as Bytewax:
    ``op.flat_map_batch("illshell", stream, illshell.stage.findings)``.
    """
    judge = judge_of(Rule.of(events, web_servers, shells))
    tell = on_error or _log
    for item in stream:
        if isinstance(item, (str, bytes, bytearray, memoryview)):
            verdicts = judge.segment(decode_value(item, judge.events))
        else:
            verdicts = judge.event(item)
        for verdict in verdicts:
            if verdict.error is not None:
                tell(item, verdict.error)
            elif verdict.finding is not None:
                yield _with_own_record(verdict.finding)


def _with_own_record(finding: Finding) -> Finding:
    """Leave the offset out of a finding's headers: in a single value it says nothing."""
    event = finding.event
    if not isinstance(event, Event) or "offset" not in event.headers.custom:
        return finding
    return replace(finding, event=with_custom(event, {"record": event.headers.custom["record"]}))


def _log(_item: Any, error: Exception) -> None:
    LOGGER.error("An event could not be judged: %s", error)
