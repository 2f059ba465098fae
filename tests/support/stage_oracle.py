"""What a stage must find, said by the twin in the plainest way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from illshell import IllshellError
from illshell.model.errors import InvalidLineError
from illshell.readers.json_lines.definition import BOM, WHITESPACE, decode_event
from illshell.signatures.illegitimate_shell import reference
from illshell.signatures.illegitimate_shell.names import EVENTS

REFERENCE = reference.IllegitimateShell(EVENTS)


def hits(values: Iterable[bytes | None]) -> list[int]:
    """Give the indices of the values, each one event's JSON, that are findings."""
    return [index for index, value in enumerate(values) if value is not None and is_hit(value)]


def is_hit(value: bytes) -> bool:
    with contextlib.suppress(InvalidLineError, IllshellError):
        return REFERENCE.matches(decode_event(value.removeprefix(BOM).strip(WHITESPACE + b"\n")))
    return False


def is_hit_payload(payload: Any) -> bool:
    with contextlib.suppress(IllshellError):
        return REFERENCE.matches(payload)
    return False
