"""What a dialect is: how one sensor writes its events in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from illshell.dialects.paths import ABSENT, Path, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Scalar: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds where the value at ``path`` is one of ``values``; None: where there is a value.

    A path that ends in ``[]`` asks for an element of the array that is one of the values.
    """

    path: Path
    values: tuple[Scalar, ...] | None = None

    def holds(self, payload: Any) -> bool:
        """Whether the condition holds for decoded JSON."""
        value = resolve(payload, self.path)
        if value is ABSENT:
            return False
        if self.values is None:
            return True
        found = value if self.path.is_whole else [value]
        return any(
            type(item) is type(wanted) and item == wanted
            for item in found
            for wanted in self.values
        )


@dataclass(frozen=True, slots=True)
class Location:
    """Where a field lies, and how its value is written.

    ``unit``: of a time. ``text_integer``: an integer may be written as a string. ``derive``: a name
    in :data:`illshell.dialects.conversion.DERIVATIONS`. ``stands_in``: where the sensor has no such
    field, what this value is and why it may stand for it.
    """

    path: Path
    unit: str | None = None
    text_integer: bool = False
    derive: str | None = None
    stands_in: str | None = None


@dataclass(frozen=True, slots=True)
class EventForm:
    """One event of a sensor: the conditions that all hold for it, and what it becomes.

    ``event``: the value of ``event_name``; None for lines that look like an event and are none.
    ``needles``: at least one of them stands in every line of the event, but for escapes.
    ``fields``: the whole of the event's fields, where each may lie, in order of preference.
    """

    event: str | None
    when: tuple[Condition, ...]
    needles: tuple[str, ...]
    fields: Mapping[str, tuple[Location, ...]]

    def holds(self, payload: Any) -> bool:
        """Whether decoded JSON is this event."""
        return all(condition.holds(payload) for condition in self.when)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a sensor writes its events.

    ``source``: what a selector calls the sensor. ``marks``: groups of conditions; where all of a
    group hold, a line is the sensor's, whatever its event. ``missing``: values of a field that say
    that there is none. ``default``: a text field's value where no location leads to one. ``notes``:
    what should be known of a field, or why it can't be had.
    ``origin``: the file that says all this.
    """

    name: str
    title: str
    versions: str
    source: str
    marks: tuple[tuple[Condition, ...], ...]
    events: tuple[EventForm, ...]
    missing: Mapping[str, tuple[Scalar, ...]]
    default: Mapping[str, str]
    notes: Mapping[str, str]
    origin: str

    def event_of(self, payload: Any) -> EventForm | None:
        """Return the first event that decoded JSON is, None where it is none."""
        return next((form for form in self.events if form.holds(payload)), None)

    def is_marked(self, payload: Any) -> bool:
        """Whether decoded JSON is this sensor's."""
        return any(all(mark.holds(payload) for mark in group) for group in self.marks)
