"""What the signature writes down: lineage, known files, and the events that still wait."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

from illshell.dialects.decoded import decoded_event
from illshell.model.event import Event
from illshell.model.position import position_from_json
from illshell.signatures.shell_below_web_server.state import CHECKSUM, SnapshotError, sealed

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC: Final = b"ILLW"
VERSION: Final = 1
HEADER: Final = struct.Struct("<4sIQQQ")
"""magic, version, and the lengths of lineage, files and waiting events."""


def write_state(lineage: bytes, files: bytes, waiting: Iterable[tuple[int, Any]]) -> bytes:
    """Return one snapshot of the three parts."""
    events = json.dumps([[number, *_plain(event)] for number, event in waiting]).encode()
    header = HEADER.pack(MAGIC, VERSION, len(lineage), len(files), len(events))
    return sealed(b"".join((header, lineage, files, events)))


def read_state(data: bytes) -> tuple[bytes, bytes, list[tuple[int, Any]]]:
    """Return the three parts. Raises SnapshotError."""
    if len(data) < HEADER.size + CHECKSUM.size or data[:4] != MAGIC:
        raise SnapshotError("this is no snapshot of ILL-1001")
    _, version, lineage, files, events = HEADER.unpack_from(data)
    if version != VERSION:
        raise SnapshotError(f"the snapshot is of version {version}; expected {VERSION}")
    end = HEADER.size + lineage + files + events
    if end + CHECKSUM.size != len(data):
        raise SnapshotError(f"the snapshot has {len(data)} bytes; expected {end + CHECKSUM.size}")
    if sealed(data[:end]) != data:
        raise SnapshotError("the snapshot is damaged: its checksum differs")
    first, second = HEADER.size + lineage, HEADER.size + lineage + files
    waiting = [
        (number, _event(position, payload))
        for number, position, payload in json.loads(data[second:end])
    ]
    return data[HEADER.size : first], data[first:second], waiting


def _plain(event: Any) -> tuple[Any, Any]:
    """Return position and payload; the first is False for a bare payload."""
    if not isinstance(event, Event):
        return False, event
    position = event.headers.position
    return None if position is None else position.to_json(), event.payload


def _event(position: Any, payload: Any) -> Any:
    if position is False:
        return payload
    return decoded_event(payload, None if position is None else position_from_json(position))
