"""Metadata of a signature as text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from illshell.model.finding import SignatureMetadata

WIDTH: Final = 80


def describe(metadata: SignatureMetadata) -> str:
    """Return the metadata as text: a headline, the description, and a line for each other fact."""
    facts = {
        "version": metadata.version,
        "event name": metadata.event_name,
        "tags": ", ".join(metadata.tags or ()) or "none",
        **metadata.properties,
    }
    column = max(map(len, facts)) + 2
    lines = [
        f"{metadata.id}  {metadata.name}",
        "",
        *textwrap.wrap(metadata.description, WIDTH),
        "",
        *(f"{name:<{column}}{value}" for name, value in facts.items()),
    ]
    return "\n".join(lines)
