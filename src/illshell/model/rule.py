"""A rule as data: for each event that it looks at, what is asked of which field, in which order.

:class:`illshell._fastmatch.Matcher` runs the table over columns, Tracee's binary records and values
in C; :class:`illshell._fastmatch.EventSignature` over decoded events;
:func:`illshell.model.pruning.may_match` over statistics. Tests hold each of them against a
reference implementation of the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_CLAUSES: Final = 8
"""Clauses of a rule."""

MAX_STEPS: Final = 12
"""Steps of a clause."""

MAX_FIELDS: Final = 32
"""Fields that a rule reads, that of the events among them."""

Item = TypeVar("Item")
Names: TypeAlias = tuple[str | bytes, ...]


@dataclass(frozen=True, slots=True)
class Require:
    """A row in which the field is null is in error."""

    field: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A row for which the predicate does not hold is no match; it never holds for a null."""

    field: str
    names: Names


class NameIn(Predicate):
    """The field's value is one of the names, of 1 to 15 bytes each."""

    __slots__ = ()


class BasenameIn(Predicate):
    """What follows the last ``/`` of the field's value is one of the names, which hold no ``/``."""

    __slots__ = ()


class PatternIn(Predicate):
    """The field's value is one of the names, or starts with one that ends in ``*``."""

    __slots__ = ()


Step: TypeAlias = Require | Predicate


class Clause(NamedTuple):
    """The steps for one event, in order: the first that fails decides, and all passed is a match.

    A :class:`Require` that fails makes the row an error, a predicate that fails no match.
    """

    event: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A table of clauses, at most one for an event. Immutable, hashable and picklable.

    ``event_field``: the field that names a row's event; a null one is another event's.
    Raises ValueError for two clauses for one event, and for more clauses, steps or fields than
    there may be.
    """

    event_field: str
    clauses: tuple[Clause, ...]

    def __post_init__(self) -> None:
        events = self.events
        for event in events:
            if events.count(event) > 1:
                raise ValueError(f"event {event!r} has {events.count(event)} clauses")
        if len(self.clauses) > MAX_CLAUSES:
            raise ValueError(f"{len(self.clauses)} clauses are more than {MAX_CLAUSES}")
        if len(self.fields) > MAX_FIELDS:
            raise ValueError(f"{len(self.fields)} fields are more than {MAX_FIELDS}")
        for clause in self.clauses:
            if len(clause.steps) > MAX_STEPS:
                raise ValueError(
                    f"event {clause.event!r}: {len(clause.steps)} steps are more than {MAX_STEPS}"
                )

    @property
    def events(self) -> tuple[str, ...]:
        """The events that there are clauses for."""
        return tuple(clause.event for clause in self.clauses)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the rule reads, each once, that of the events first."""
        read = (step.field for clause in self.clauses for step in clause.steps)
        return tuple(dict.fromkeys((self.event_field, *read)))


def several(what: str, names: Iterable[Item]) -> tuple[Item, ...]:
    """Return the names as a tuple; TypeError for one name in place of several."""
    if isinstance(names, (str, bytes, bytearray)):
        raise TypeError(f"{what} takes several names, not one: write {what}=[{names!r}]")
    return tuple(names)
