"""Formats: a finding as the bytes of one record, which is one whole line or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from illshell.model.signature import Finding

    Format: TypeAlias = Callable[[Finding], bytes]

FORMATS: Final = ("table", "jsonl", "tracee", "raw")


def json_format(name: str) -> Format:
    """Give one of the formats that need nothing but the finding: jsonl, tracee, raw."""
    if name == "jsonl":
        from illshell.formats.jsonl import jsonl

        return jsonl
    if name == "tracee":
        from illshell.formats.tracee import tracee

        return tracee
    from illshell.formats.raw import raw

    return raw
