"""What every format takes from a finding, and the bytes that every JSON format writes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from illshell.model.finding import SignatureMetadata

# Go escapes these so that JSON can stand in HTML and JavaScript. Outside of strings JSON has none
# of them, so they may be replaced in the text as a whole.
_GO_ESCAPES = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})
_SURROGATE = re.compile("[\ud800-\udfff]")


def metadata_of(metadata: SignatureMetadata) -> dict[str, Any]:
    """Return the metadata under the names that Python uses for them."""
    return {
        "id": metadata.id,
        "version": metadata.version,
        "name": metadata.name,
        "event_name": metadata.event_name,
        "description": metadata.description,
        "tags": metadata.tags,
        "properties": metadata.properties,
    }


def go_json_line(value: Any) -> bytes:
    """Write a value as a line of JSON in the way of Go's ``encoding/json``.

    That is UTF-8, with ``<``, ``>``, ``&``, U+2028 and U+2029 escaped, U+FFFD in place of a lone
    surrogate. Keys keep their order; a float is written as Python writes it.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_GO_ESCAPES)
    return _SURROGATE.sub("\ufffd", text).encode() + b"\n"


def sorted_by_key(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Put a mapping into the order in which Go prints a map."""
    return dict(sorted(mapping.items()))
