"""What a line looks like: its dialect, or its first keys where none knows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from illshell.dialects.loader import all_dialects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from illshell.dialects.dialect import Dialect

KEYS_SHOWN: Final = 8
KEY_LENGTH: Final = 40

_HARMLESS = re.compile(r"[0-9A-Za-z_.:@$-]+", re.ASCII)


def dialect_of(
    payload: Mapping[str, Any], dialects: Iterable[Dialect] | None = None
) -> Dialect | None:
    """Return the dialect that a decoded line is of, whatever its event; None where it is of none.

    ``dialects``: those to try, in this order; None for all. A line that is an event of one dialect
    is of that one, even if it has the marks of an earlier one.
    """
    tried = all_dialects() if dialects is None else tuple(dialects)
    by_event = next((each for each in tried if each.event_of(payload) is not None), None)
    if by_event is not None:
        return by_event
    return next((each for each in tried if each.is_marked(payload)), None)


def describe_line(payload: Any, dialects: Iterable[Dialect] | None = None) -> str:
    """Return what a decoded line looks like, as one line of printable ASCII for a message."""
    if not isinstance(payload, dict):
        return f"no JSON object but {type(payload).__name__}"
    dialect = dialect_of(payload, dialects)
    if dialect is None:
        return f"of no known dialect: {_keys(payload)}"
    form = dialect.event_of(payload)
    if form is None:
        return f"{dialect.title}, an event that illshell does not read: {_keys(payload)}"
    return f"{dialect.title}, {form.event or 'no event'}"


def lacking(dialect: Dialect, event: str, fields: Iterable[str]) -> list[str]:
    """Return which of the fields no event of that name has in the dialect: what can't be known."""
    forms = [form for form in dialect.events if form.event == event]
    return [name for name in fields if not any(name in form.fields for form in forms)]


def _keys(payload: Mapping[str, Any]) -> str:
    names = list(payload)
    shown = [_harmless(name) for name in names[:KEYS_SHOWN]]
    more = len(names) - len(shown)
    if not names:
        return "no keys"
    return f"keys {', '.join(shown)}{f' and {more} more' if more else ''}"


def _harmless(key: str) -> str:
    cut = key if len(key) <= KEY_LENGTH else key[:KEY_LENGTH] + "..."
    return cut if _HARMLESS.fullmatch(cut) else ascii(cut)
