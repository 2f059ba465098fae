"""Which data a rule can be spared: pruning by what is known of columns without reading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from illshell.model.rule import BasenameIn, Clause, NameIn, Predicate, Require, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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
