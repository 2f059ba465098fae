"""What the kinds of columnar file have in common: rows in groups, columns read when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from illshell.readers.selection import Selection


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group or record batch.

    ``read(names)`` returns these columns as a table of ``rows`` rows. ``has_events`` and
    ``has_candidates``: False where the file's own statistics rule out any event that is selected,
    or any that could be a hit or an error. ``end``: the byte of the file up to which all is read;
    an estimate, but for the last group.
    """

    rows: int
    read: Callable[[Sequence[str]], pa.Table]
    end: int
    has_events: bool = True
    has_candidates: bool = True


class ColumnarFile(Protocol):
    """An open file."""

    names: Sequence[str]
    """Its top-level columns."""

    def row_groups(self, chosen: Mapping[str, str], selection: Selection) -> Iterator[RowGroup]:
        """Yield the file's row groups.

        ``chosen``: the fields, and what they are called here. ``selection``: what to
        hold the statistics against. Raises what pyarrow raises.
        """
