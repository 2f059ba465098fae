"""One line of JSON: the definition of what is an event, for every reader.

An event is a JSON object in UTF-8 as ``json.loads`` reads it: of duplicate keys the last wins,
``NaN`` and ``Infinity`` are numbers, lone surrogates are characters.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, NoReturn

from illshell.model.errors import InvalidLineError

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes that a line may have, without its newline."""

MAX_DEPTH: Final = 512
"""How deep objects and arrays of an event may be nested."""

TOO_LONG: Final = "longer than the limit of {} bytes"

BOM: Final = b"\xef\xbb\xbf"
WHITESPACE: Final = b" \t\r\n"
_QUOTE: Final = ord('"')

# Possessive, so that a long string takes no memory for ways back.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)


def decode_event(line: bytes, *, strict: bool = False) -> dict[str, Any]:
    """Return a trimmed line as an event; InvalidLineError where it is none.

    ``strict`` refuses duplicate keys as well.
    """
    if not (line.startswith(b"{") and line.endswith(b"}")):
        raise InvalidLineError(_why_no_object(line))
    if _is_too_deep(line):
        raise InvalidLineError(f"nested deeper than {MAX_DEPTH} levels")
    try:
        event = json.loads(line, object_pairs_hook=_refuse_duplicates if strict else None)
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise InvalidLineError(f"invalid UTF-8: byte 0x{byte:02x} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        at = len(
            line.decode("utf-8", "surrogatepass")[: error.pos].encode("utf-8", "surrogatepass")
        )
        raise InvalidLineError(f"invalid JSON: {error.msg} at byte {at}") from None
    except RecursionError:
        raise InvalidLineError("nested too deep for what is left of the stack") from None
    except InvalidLineError:
        raise
    except ValueError as error:
        raise InvalidLineError(f"number out of range: {error}") from None
    assert isinstance(event, dict)
    return event


def _why_no_object(line: bytes) -> str:
    if line in (b"{", b"["):
        return "not a JSON object on one line; a pretty-printed document? `jq -c .` makes lines"
    if line.startswith(b"{"):
        return "a JSON object that does not end on its line: truncated?"
    if b"\0" in line:
        return "not a JSON object: holds NUL bytes, a binary or UTF-16 file?"
    if line.startswith(b"["):
        return "not a JSON object but an array; `jq -c '.[]'` makes lines"
    return "not a JSON object"


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        _refuse(f"duplicate key {key!r}")
    return mapping


def _refuse(reason: str) -> NoReturn:
    raise InvalidLineError(reason)


def _is_too_deep(line: bytes) -> bool:
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(line):
        byte = line[token.start()]
        if byte != _QUOTE:
            depth += 1 if byte in b"[{" else -1
            if depth > MAX_DEPTH:
                return True
    return False
