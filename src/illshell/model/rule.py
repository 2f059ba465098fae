"""A rule as data: for each event that it looks at, what is asked of which field, in which order.

:class:`illshell._fastmatch.Matcher` runs the table over columns, Tracee's binary records and values
in C; :class:`illshell._fastmatch.EventSignature` over decoded events; :func:`may_match` over
statistics; ``tests/`` holds them against a reference implementation of the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_CLAUSES: Final = 8
"""Clauses of a rule."""

MAX_STEPS: Final = 12
"""Steps of a clause."""

MAX_FIELDS: Final = 32
"""Fields that a rule reads, that of the events among them."""

Name = TypeVar("Name", bound=str | bytes)
Names: TypeAlias = tuple[str | bytes, ...]


@dataclass(frozen=True, slots=True)
class Require:
    """A row in which the field is null is in error."""

    field: str


@dataclass(frozen=True, slots=True)
class NameIn:
    """The field's value is one of the names, of 1 to 15 bytes each; a null is none."""

    field: str
    names: Names


@dataclass(frozen=True, slots=True)
class BasenameIn:
    """What follows the last ``/`` of the field's value is one of the names, which hold no ``/``."""

    field: str
    names: Names


@dataclass(frozen=True, slots=True)
class PatternIn:
    """The field's value is one of the names, or starts with one that ends in ``*``."""

    field: str
    names: Names


Predicate: TypeAlias = NameIn | BasenameIn | PatternIn
Step: TypeAlias = Require | Predicate


@dataclass(frozen=True, slots=True)
class Clause:
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


def several(what: str, names: Iterable[Name]) -> tuple[Name, ...]:
    """Return the names as a tuple; TypeError for one name in place of several."""
    if isinstance(names, (str, bytes, bytearray)):
        raise TypeError(f"{what} takes several names, not one: write {what}=[{names!r}]")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of a column's values without reading them.

    ``low`` and ``high``: values that no value lies outside of, None where that is unknown.
    ``may_be_null``: False where no value is null. ``all_null``: True where every value is.
    """

    low: bytes | None = None
    high: bytes | None = None
    may_be_null: bool = True
    all_null: bool = False

    def may_hold(self, names: Iterable[str | bytes]) -> bool:
        """Whether one of the names can be among the values."""
        if self.all_null:
            return False
        if self.low is None or self.high is None:
            return True
        low, high = self.low, self.high
        return any(low <= _encoded(name) <= high for name in names)

    def may_start_with(self, prefix: bytes) -> bool:
        """Whether one of the values can start with the prefix."""
        if self.all_null:
            return False
        if self.low is None or self.high is None:
            return True
        return self.low[: len(prefix)] <= prefix <= self.high


ABSENT: Final = Bounds(may_be_null=True, all_null=True)
"""A column that is not there: null in every row."""

UNKNOWN: Final = Bounds()
"""A column of which nothing is known."""


def may_match(rule: Rule, bounds: Mapping[str, Bounds]) -> bool:
    """Whether any row can match or be in error, by what is known of its columns.

    ``bounds``: of each field; one that is missing here is a column that is not there.
    """
    named = bounds.get(rule.event_field, ABSENT)
    return any(
        named.may_hold([clause.event]) and _may_reach_the_end(clause, bounds)
        for clause in rule.clauses
    )


def _may_reach_the_end(clause: Clause, bounds: Mapping[str, Bounds]) -> bool:
    for step in clause.steps:
        known = bounds.get(step.field, ABSENT)
        if isinstance(step, Require):
            if known.may_be_null:
                return True
        elif not _may_hold(step, known):
            return False
    return True


def _may_hold(step: Predicate, known: Bounds) -> bool:
    if isinstance(step, NameIn):
        return known.may_hold(step.names)
    if isinstance(step, BasenameIn):
        return not known.all_null
    encoded = [_encoded(name) for name in step.names]
    return any(
        known.may_start_with(name[:-1]) if name.endswith(b"*") else known.may_hold([name])
        for name in encoded
    )


def _encoded(name: str | bytes) -> bytes:
    return name.encode("utf-8", "surrogatepass") if isinstance(name, str) else bytes(name)
