"""Selection: what the signatures need of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from illshell.batch.event_batch import Batch
    from illshell.model.pruning import Bounds


class Projected(NamedTuple):
    """The part of a selection that a projection is made of; hashable, and free of any detector."""

    event_names: tuple[str, ...] | None
    fields: tuple[str, ...]
    dialects: tuple[str, ...] | None


def _all(_batch: Batch) -> None:
    """Return no choice of rows."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events and fields signatures need, so that readers may leave out the rest.

    ``event_names``: the events that some signature selects, None for all. ``fields``: the fields
    that they read, out of :data:`illshell.model.fields.FIELDS`. ``dialects``: names of those that
    lines may be written in, None for all. ``candidates``: returns the rows of
    a batch that may matter, whatever its absent columns hold, None for all of them. ``may_matter``:
    whether rows can be candidates, by what is known of their columns, by field.
    """

    event_names: Sequence[str] | None = None
    fields: Sequence[str] = ()
    dialects: tuple[str, ...] | None = None
    candidates: Callable[[Batch], Sequence[int] | None] = _all
    may_matter: Callable[[Mapping[str, Bounds]], bool] = lambda _bounds: True

    @property
    def projected(self) -> Projected:
        """The events, fields and dialects, which are all that readers of JSON lines work from."""
        names = None if self.event_names is None else tuple(self.event_names)
        return Projected(names, tuple(self.fields), self.dialects)
