"""What a contender is, and the rule in the plainest Python for those that end in Python."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from illshell.signatures.illegitimate_shell.names import (
    EVENTS,
    PATHNAME,
    PREV_COMM,
    SCHED_PROCESS_EXEC,
    SECURITY_BPRM_CHECK,
    SHELLS,
    WEB_SERVERS,
)

BUILT: Final = Path(__file__).resolve().parents[2] / "build" / "bench" / "contenders"
"""Where make puts the contenders that are compiled."""

LITERALS: Final = tuple(f'"eventName":"{name}"'.encode() for name in EVENTS)
"""What a line of one of the events holds, as Tracee writes it: a filter before the decoder."""

_WEB: Final = frozenset(WEB_SERVERS)
_SHELLS: Final = frozenset(SHELLS)
SUFFIXES: Final = tuple(f"/{shell}" for shell in SHELLS)
"""What a pathname of a shell ends with."""


class Unavailable(Exception):  # noqa: N818 (it is a state, and the name reads so)
    """A contender that can't be had here, with the reason."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A contender.

    ``find`` gives the timestamps of the events that the rule finds in a file of JSON lines, in
    order. ``match`` gives the row numbers of a table that ``prepare`` has made of a record batch.
    """

    name: str
    version: str
    find: Callable[[Path], list[int]] | None = None
    match: Callable[[Any], Sequence[int]] | None = None
    prepare: Callable[[pa.RecordBatch], Any] = lambda batch: batch
    compressions: tuple[str, ...] = ("plain",)
    events: tuple[str, ...] = EVENTS
    is_reference: bool = False
    """Whether it is the project's own reference implementation."""


def hit(event: Mapping[str, Any]) -> bool:
    """Say whether the rule matches a decoded event, for streams without errors in them."""
    name = event["eventName"]
    if name == SECURITY_BPRM_CHECK:
        return event["processName"] in _WEB and (argument(event, PATHNAME) or "").endswith(SUFFIXES)
    if name == SCHED_PROCESS_EXEC:
        return event["processName"] in _SHELLS and argument(event, PREV_COMM) in _WEB
    return False


def argument(event: Mapping[str, Any], name: str) -> str | None:
    """Give an argument's value, None where there is none."""
    for arg in event["args"]:
        if arg["name"] == name:
            value = arg["value"]
            return value if isinstance(value, str) else None
    return None


def timestamps(events: Iterable[Mapping[str, Any]]) -> list[int]:
    """Judge decoded events; give the timestamps of those that match."""
    return [event["timestamp"] for event in events if hit(event)]


def comms(names: Iterable[str], table_type: str) -> list[str] | list[bytes]:
    """Give names as a table's comms are: text, or bytes padded with zeros to 16."""
    if table_type == "bytes":
        return [name.encode().ljust(16, b"\0") for name in names]
    return list(names)


def first_line_of(*command: str) -> str:
    """Ask a program for its version; Unavailable where it is not there."""
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    return run.stdout.splitlines()[0]


def printed_numbers(*command: str | Path) -> list[int]:
    """Run a contender that prints a timestamp a line."""
    run = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, check=True)
    return [int(line) for line in run.stdout.split()]
