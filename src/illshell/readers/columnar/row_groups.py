"""What the kinds of columnar file have in common: rows in pieces, columns read when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from illshell._fastmatch import Matcher


@dataclass(frozen=True, slots=True)
class Piece:
    """A row group or record batch.

    ``read(names)`` gives these columns as a table of ``rows`` rows. ``has_events`` and
    ``has_candidates``: False where the file's own statistics rule out any event that is wanted,
    or any that could be a hit or an error. ``end``: the byte of the file up to which all is given;
    an estimate, but for the last piece.
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

    def pieces(self, chosen: Mapping[str, str], matcher: Matcher | None) -> Iterator[Piece]:
        """Give the file piece by piece.

        ``chosen``: the columns of a batch, and what they are called here. ``matcher``: the rule to
        hold the statistics against, None for no rule. Raises what pyarrow raises.
        """
