"""Selection: what the signatures need of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from illshell.batch.event_batch import Batch
    from illshell.model.pruning import Bounds


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
