"""Projections: which lines are wanted events, and where the wanted fields lie in them.

:func:`compile_projection` makes it of dialects and of what the loaded signatures read. Both readers
work from it: the Rust one from :meth:`Projection.to_dict`, the Python one from the object itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from illshell.model.fields import column_kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from illshell.dialects.dialect import Condition, Dialect, EventForm, Location, Scalar


@dataclass(frozen=True, slots=True)
class Column:
    """A column that readers fill; ``kind`` is ``text``, ``int64``, ``bool`` or ``time``."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class DialectProjection:
    """The wanted part of a dialect: the events that have the same fields in the same places.

    A dialect of which events differ in that has several, which follow each other.
    """

    name: str
    needles: tuple[str, ...]
    events: tuple[EventForm, ...]
    fields: Mapping[str, tuple[Location, ...]]
    missing: Mapping[str, tuple[Scalar, ...]]
    default: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the part as JSON has it."""
        return {
            "name": self.name,
            "needles": list(self.needles),
            "events": [
                {"event": form.event, "when": [condition_dict(each) for each in form.when]}
                for form in self.events
            ],
            "fields": {
                name: [location_form(each) for each in places]
                for name, places in self.fields.items()
            },
            "missing": {name: list(values) for name, values in self.missing.items()},
            "default": dict(self.default),
        }


@dataclass(frozen=True, slots=True)
class Projection:
    """The columns that readers fill, and per dialect how.

    A line is of the first of ``dialects`` one of whose events holds; where that event's name is
    None, the line is no wanted event. A value is that of the first location that leads to one.
    """

    columns: tuple[Column, ...]
    dialects: tuple[DialectProjection, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the projection in the form that the Rust reader takes, which JSON can hold."""
        return {
            "columns": [{"name": column.name, "kind": column.kind} for column in self.columns],
            "dialects": [dialect.to_dict() for dialect in self.dialects],
        }

    def candidate(self) -> re.Pattern[bytes]:
        r"""Return a pattern that every line with a wanted event matches.

        That is a needle, or an escape ``\u00XX`` of a byte of one.
        """
        needles = dict.fromkeys(needle for each in self.dialects for needle in each.needles)
        if not needles:
            return re.compile(rb"(?!)")
        values = sorted({b"%02x" % byte for needle in needles for byte in _spelt(needle)})
        literals = [re.escape(needle.encode()) for needle in needles]
        return re.compile(b"|".join([*literals, rb"\\u00(?i:%b)" % b"|".join(values)]))


def compile_projection(
    dialects: Iterable[Dialect], fields: Sequence[str], events: Iterable[str] | None = None
) -> Projection:
    """Return the projection of the fields and events that the loaded signatures ask for.

    ``fields``: names of :data:`illshell.model.fields.FIELDS` in the order of
    the columns. ``events``: values of ``event_name``; None for every event. ValueError for a field
    that there is not.
    """
    columns = [Column(name, kind) for name, kind in column_kinds(fields).items()]
    wanted = None if events is None else frozenset(events)
    parts = [part for each in dialects for part in _project(each, columns, wanted)]
    return Projection(tuple(columns), tuple(parts))


def _project(
    dialect: Dialect, columns: Sequence[Column], wanted: frozenset[str] | None
) -> Iterable[DialectProjection]:
    def is_wanted(form: EventForm) -> bool:
        return form.event is not None and (wanted is None or form.event in wanted)

    def places(form: EventForm) -> dict[str, tuple[Location, ...]]:
        return {each.name: form.fields[each.name] for each in columns if each.name in form.fields}

    forms = [form for form in dialect.events if form.event is None or is_wanted(form)]
    # What only looks like an event matters as long as a wanted one may follow.
    while forms and forms[-1].event is None:
        forms.pop()
    for fields, group in groupby(forms, places):
        alike = tuple(group)
        needles = dict.fromkeys(needle for form in alike for needle in form.needles)
        missing = {name: dialect.missing[name] for name in fields if name in dialect.missing}
        default = {name: dialect.default[name] for name in fields if name in dialect.default}
        yield DialectProjection(dialect.name, tuple(needles), alike, fields, missing, default)


def condition_dict(condition: Condition) -> dict[str, Any]:
    """Return a condition as readers take it."""
    values = condition.values
    return {"path": condition.path.text, "values": None if values is None else list(values)}


def location_form(location: Location) -> str | dict[str, Any]:
    """Return a location as readers take it: a path, or an object with what else it has."""
    more: dict[str, Any] = {}
    if location.unit is not None:
        more["unit"] = location.unit
    if location.text_integer:
        more["text_integer"] = True
    if location.derive is not None:
        more["derive"] = location.derive
    return {"path": location.path.text, **more} if more else location.path.text


def _spelt(needle: str) -> bytes:
    """Return what of a needle an escape can spell: all but JSON's own quotes."""
    return needle.strip('"').encode()
