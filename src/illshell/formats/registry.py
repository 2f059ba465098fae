"""The formats that can be chosen by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from illshell.model.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from illshell.model.finding import Finding

    Format: TypeAlias = Callable[[Finding], bytes]
    """Returns a finding as one record: whole lines, the last newline included."""

FORMATS: Final = Registry(
    "format",
    "illshell.formats",
    {
        "jsonl": "illshell.formats.jsonl:jsonl",
        "tracee": "illshell.formats.tracee:tracee",
        "raw": "illshell.formats.raw:raw",
    },
)
"""Each is a :data:`Format`. ``table`` is none of them: it depends on the terminal."""
